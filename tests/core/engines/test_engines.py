"""Every engine does the same with a task: its events, its result, its files, its errors. Ray's needs the extra `ray`."""

import importlib.util
import os

import pytest

from harness.core import crew
from harness.core.codec import decode, encode
from harness.core.crew import EngineTask
from harness.errors import InputError, TrueupError, UsageError
from harness.types import EngineSettings

JOBS = "tests.core.engines.jobs"
ENGINES = ["local", pytest.param("ray", marks=[pytest.mark.slow, pytest.mark.timeout(900)])]


@pytest.fixture(params=ENGINES)
def settings(request) -> EngineSettings:
    if request.param == "local":
        return EngineSettings()
    return EngineSettings(kind="ray", address=request.getfixturevalue("cluster").address)


def shouting(number: int) -> EngineTask:
    return EngineTask(f"{JOBS}:shout", encode((f"{number}.txt", ["a", str(number)])), leaves=(f"{number}.txt",))


def test_tasks_tell_in_order_and_leave_files_for_later_ones(settings):
    """Events come before their result; a later task reads what earlier ones left, and what was shared."""
    with crew.opened(settings, 2) as workers:
        assert workers.slots() == 2
        told = list(workers.run([shouting(number) for number in range(3)]))
        names = [f"{number}.txt" for number in range(3)]
        (gathered,) = workers.run([EngineTask(f"{JOBS}:gather", encode(names), reads=tuple(names))])
    for number in range(3):
        mine = [(decode(message.data, object), message.is_result) for message in told if message.number == number]
        assert mine == [("a", False), (str(number), False), (2, True)]
    assert decode(gathered.data, list) == ["A 0", "A 1", "A 2"]


def test_a_folder_is_shared_as_it_is_when_a_task_begins(settings, tmp_path):
    """What was added since is there too; a link leads to what it leads to here."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "elsewhere").write_text("linked")
    (tmp_path / "mine" / "link").symlink_to(tmp_path / "elsewhere")
    task = EngineTask(f"{JOBS}:gather", encode(["ours/link", "ours/late"]), reads=("ours",))
    with crew.opened(settings, 1) as workers:
        workers.share("ours", tmp_path / "mine")
        (tmp_path / "mine" / "late").write_text("late")
        (told,) = workers.run([task])
    assert decode(told.data, list) == ["linked", "late"]


@pytest.mark.parametrize("is_live", [False, True])
def test_an_error_of_a_job_is_raised_as_what_it_is(settings, is_live):
    """With its class, so its exit code; the next task finds the engine as it was."""
    with crew.opened(settings, 1) as workers:
        with pytest.raises(InputError, match="not this") as caught:
            list(workers.run([EngineTask(f"{JOBS}:refuse", b"1", live=is_live), shouting(1)]))
        assert (caught.value.where, caught.value.next) == ("here", "that")
        assert [decode(m.data, object) for m in workers.run([shouting(2)])] == ["a", "2", 2]


def test_a_child_that_dies_is_an_error(settings):
    """Memory that ran out, most likely; and not a task that never ends."""
    with crew.opened(settings, 1) as workers, pytest.raises(TrueupError, match="process was killed"):
        list(workers.run([EngineTask(f"{JOBS}:die", b"1")]))


def test_a_task_gets_the_keys_that_it_names_and_no_others(settings, monkeypatch):
    """On a cluster those of this machine, not of the node."""
    monkeypatch.setenv("DESK_TOKEN", "mine")
    monkeypatch.setenv("OTHER_TOKEN", "not yours")
    names = ["DESK_TOKEN", "OTHER_TOKEN", "PYTHONHASHSEED"]
    task = EngineTask(f"{JOBS}:seen", encode(names), secrets=("DESK_TOKEN",))
    assert decode(crew.result(settings, task), dict) == {"DESK_TOKEN": "mine", "OTHER_TOKEN": "", "PYTHONHASHSEED": "0"}


def test_who_stops_listening_leaves_nothing_running(tmp_path):
    """The children of tasks that are not waited for are ended."""
    task = EngineTask(f"{JOBS}:begun", encode(str(tmp_path)))
    with crew.opened(crew.LOCAL, 2) as workers:
        listening = workers.run([task])
        next(listening)
        listening.close()
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


def test_an_unknown_engine_or_job_is_refused():
    """With the nearest known name, before anything runs."""
    with pytest.raises(UsageError, match="no engine named 'rai'") as caught:
        crew.opened(EngineSettings(kind="rai"))
    assert "did you mean 'ray'" in caught.value.next
    with pytest.raises(UsageError, match="no job named"):
        crew.result(crew.LOCAL, EngineTask(f"{JOBS}:nothing", b"1"))


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="ray is installed")
def test_without_ray_the_engine_says_what_to_install():
    with pytest.raises(UsageError, match="needs the package 'ray'") as caught:
        crew.opened(EngineSettings(kind="ray"))
    assert "pip install ray" in caught.value.next


def test_the_code_of_two_copies_is_compared_by_content():
    """The digest is that of the sources and nothing else, so it is the same wherever they are."""
    assert crew.source_digest() == crew.source_digest() and len(crew.source_digest()) == 64
    assert os.getcwd() not in crew.source_digest()
