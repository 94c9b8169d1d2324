"""A plug-in of another distribution takes part as our own do: nothing but its own file says what others must know."""

import subprocess
import sys
from pathlib import Path

from tests.core.distribution import install

ROOT = Path(__file__).parents[2]

RULE = '''
"""Nothing may be shorter than before."""

from harness.types import Finding

HARM = True
COMPARES = True
FINAL = True
ASKS = "grow no shorter"


def findings(context):
    for one in context.comparisons:
        yield Finding(rule="shorter", suite=one.suite.name, baseline=one.baseline, outcome="fail",
                      sentence="It is shorter.", bound=0.0)
'''
DETECTOR = '''
"""The answer shouts."""

from harness.types import Failure, Noun

FORM = True
ANSWER_ALONE = True


class Options(Noun, frozen=True):
    shouts: int = 1


def detect(window):
    least = window.options.get("shouts", 1)
    for call in window.calls:
        if call.reply.count("!") >= least:
            yield Failure(call_id=call.id, detector="shouting", reason="it shouts")
'''
CHECK_RULE = """
from harness.gate.early_stop import _final
from harness.gate.stage import gate
from harness.types import Comparison, Pair, Policy, Suite, Target
from reports.parts.summary import _asked

def pairs(values):
    return tuple(Pair(case_id=f"c{n}", baseline=a, candidate=b) for n, (a, b) in enumerate(values))

suite = Suite(name="s", file="s.py", digest="d", role=Target(), cases=40)
made = dict(suite=suite, metric="m", candidate="tuned", binary=True)
real = Comparison(baseline="base", pairs=pairs([(1.0, 0.0)] * 40), **made)
noise = Comparison(suite=suite, metric="m", binary=True, baseline="base", candidate="base", pairs=pairs([(1.0, 0.0), (1.0, 1.0)] * 20))
verdict = gate([real, noise], Policy(), candidate="a" * 64)
fails = [finding for finding in verdict.findings if finding.outcome == "fail"]
assert fails[0].rule == "shorter", [finding.rule for finding in fails]     # HARM: before the target that gained nothing
assert len(fails) > 1 and fails[0].counts["aa_flips"] == 20                # COMPARES: with the noise beside
assert _final(fails[0], Policy())                                          # FINAL
assert _asked(Target(), fails[0]) == "grow no shorter"                     # ASKS
"""
CHECK_DETECTOR = """
from harness.core.plugins import says
from harness.curate.teacher.stage import objections
from harness.mine.stage import mine
from harness.types import Call, Feedback
from tests.curate.traces import call

loud, calm = call(1, "hello", "yes!!"), call(2, "hello", "yes")
mined = mine([loud, calm], [])
assert [(f.call_id, f.detector) for f in mined.failures if f.detector == "shouting"] == [(loud.id, "shouting")]
assert not [f for f in mine([loud], [], options={"shouts": 3}).failures if f.detector == "shouting"]
assert "shouting" in list(objections(calm, loud.output[0], calm.input, ()))
assert says("detectors", mined.clusters[0].detector, "FORM", False)

import pathlib, sys
from harness.mine.step import options
from harness.project import Project
folder = pathlib.Path(sys.argv[1])
(folder / "trueup.toml").write_text("[mine]\\noptions = { shouts = 3 }")
assert options(Project.open(folder)).knobs["shouts"] == 3
from harness.curate import levers
inspection = levers.inspect(mined, [loud, calm], [])
assert [c.lever for c in inspection.clusters if c.detector == "shouting"] == ["prompt"]
"""


def run(code: str, folder: Path) -> subprocess.CompletedProcess:
    path = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(folder)!r}]\n"
    return subprocess.run(
        [sys.executable, "-c", path + code, str(folder)], capture_output=True, text=True, timeout=600, cwd=folder
    )


def test_a_rule_takes_part(tmp_path):
    """A foreign rule that harms comes first, has its noise beside it, ends an evaluation early, and is shown."""
    done = run(CHECK_RULE, install(tmp_path, {("rules", "shorter"): RULE}))
    assert done.returncode == 0, done.stderr


def test_a_detector_takes_part(tmp_path):
    """A foreign detector mines, has options, judges a teacher's answers and counts as a slip in form."""
    done = run(CHECK_DETECTOR, install(tmp_path, {("detectors", "shouting"): DETECTOR}))
    assert done.returncode == 0, done.stderr


def test_a_plugin_that_lacks_something_is_refused(tmp_path):
    """The message says what is missing, and an unknown number of arguments counts as missing too."""
    broken = {
        ("rules", "empty"): '"""Nothing."""\n',
        ("detectors", "bare"): '"""No window."""\n\n\ndef detect():\n    return iter(())\n',
        ("reports", "mute"): '"""No suffix."""\n\n\ndef render(story):\n    return b""\n',
        ("formats", "half"): '"""Half."""\n\n\ndef claims(record):\n    return False\n',
    }
    code = f"""
from harness.core import plugins
from harness.errors import UsageError
for kind, name in {list(broken)!r}:
    try:
        plugins.load(kind, name)
    except UsageError as error:
        print(name, error.what)
    else:
        raise SystemExit(name)
"""
    done = run(code, install(tmp_path, broken))
    assert done.returncode == 0, done.stderr + done.stdout
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert "no findings(context)" in said["empty"]
    assert "detect(window)" in said["bare"]
    assert "no SUFFIX" in said["mute"]
    assert "it has no" in said["half"]
