"""The files for clusters are what their hosts can read, and start trueup as a command that exists."""

import subprocess
from pathlib import Path

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "docs" / "cluster"


def checked(script: str) -> None:
    """Fails when bash cannot read a script."""
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_kuberay_mounts_one_volume_in_all_pods():
    """All nodes have to see the project at one path; the head takes no tasks, and only GPU workers ask for GPUs."""
    job = yaml.safe_load((FOLDER / "kuberay.yaml").read_text(encoding="utf-8"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    assert cluster["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    pods = [group["template"]["spec"] for group in groups]
    for pod in pods:
        (container,) = pod["containers"]
        assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/night"]
        assert [volume["name"] for volume in pod["volumes"]] == [mount["name"] for mount in container["volumeMounts"]]
        assert container["resources"]["limits"] == container["resources"]["requests"]
    asked = [pod["containers"][0]["resources"]["limits"].get("nvidia.com/gpu") for pod in pods]
    assert asked == [None, None, "4"]
    checked(job["spec"]["entrypoint"])


def test_slurm_reads_its_script():
    """Bash can, the directives are at its head, and it ends with the exit code of the night."""
    text = (FOLDER / "slurm.sh").read_text(encoding="utf-8")
    checked(text)
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    assert all(not line.startswith("#SBATCH") for line in lines[first:])
    assert any(line.startswith("#SBATCH --nodes=") for line in lines[:first]) and lines[-1] == "trueup run"


def test_skypilot_keeps_its_store_in_a_bucket():
    """A spot machine may be taken, so what it knows has to be elsewhere."""
    task = yaml.safe_load((FOLDER / "skypilot.yaml").read_text(encoding="utf-8"))
    assert task["resources"]["use_spot"] and task["envs"]["TRUEUP_STORE"].startswith("s3://")
    for part in ("setup", "run"):
        checked(task[part])
    assert task["run"].splitlines()[-1] == "trueup run"


@pytest.mark.parametrize("file", sorted(FOLDER.iterdir()), ids=lambda file: file.name)
def test_each_file_is_named_where_it_is_explained(file):
    """And says in its first lines how it is started."""
    assert f"../cluster/{file.name}" in (FOLDER.parent / "how-to" / "scale.md").read_text(encoding="utf-8")
    assert file.name in "".join(file.read_text(encoding="utf-8").splitlines()[:2])
