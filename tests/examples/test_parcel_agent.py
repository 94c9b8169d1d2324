"""The agent's demo: its tasks are what they say, its outcome is judged by state, and its planted faults are mined."""

import importlib.util
import shutil
from collections import Counter
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from examples.parcel_agent import base, record, tasks
from examples.parcel_agent.evals.conftest import TOOLS, Desk
from harness.core.codec import from_chat, read_lines
from harness.core.conversations import unfolded
from harness.core.rendering import stop_ids
from harness.curate.step import curate
from harness.errors import UndecidedError
from harness.evaluate.runner.model import Model
from harness.ingest.step import ingest
from harness.project import Project
from harness.types import Arm, Case, Prompt, Reply
from tests.tiny import tiny_model
from trainers.rows.tokens import Renderer, render

HERE = Path(record.__file__).parent
MANY = tasks.tasks(5, 60)


@pytest.fixture(scope="module")
def renderer(tmp_path_factory):
    """Of a tiny model, with the demo's chat template."""
    folder = tiny_model(tmp_path_factory.mktemp("tiny"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = base.TEMPLATE
    return Renderer(tokenizer, stop_ids(tokenizer, folder), Prompt(name="none"), 2048)


@pytest.fixture(scope="module")
def eval_tasks():
    """The demo's own eval function."""
    spec = importlib.util.spec_from_file_location("eval_agent", HERE / "evals" / "eval_agent.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.eval_tasks


def outcome(eval_tasks, task, steps):
    """Whether the suite passes an agent that takes these steps."""
    replies = [from_chat(step) for step in steps]
    queue = [Reply(text=one.text, tool_calls=one.tool_calls) for one in replies]
    case = Case(id="c", messages=(_user(task.text),), expected=task.expected(), fields={"orders": task.orders})
    desk = Desk(task.orders)
    scores = eval_tasks(case, Model(Arm(name="fake"), lambda request: queue.pop(0)), desk, TOOLS)
    assert not queue
    return bool(scores[0].value)


def _user(text):
    return from_chat({"role": "user", "content": text})


def test_the_right_steps_pass_and_the_planted_faults_do_not(eval_tasks):
    """By the outcome: a refund without a look is right by luck where the order was late, and only there."""
    assert {task.kind for task in MANY} == set(tasks.FAULTS)
    for task in MANY:
        assert outcome(eval_tasks, task, task.right()), task
        lucky = task.kind == "refund" and task.payable
        assert outcome(eval_tasks, task, task.wrong()) == lucky, task
        assert task.number in task.text and (not task.day or task.day in task.text)


def test_words_without_the_deed_do_not_pass(eval_tasks):
    """An agent that says that it rescheduled, and did not, fails; so does one that did and says nothing of it."""
    move = next(task for task in MANY if task.kind == "move")
    assert not outcome(eval_tasks, move, move.right()[-1:])
    assert not outcome(eval_tasks, move, [*move.right()[:-1], tasks.words("Done.")])


def test_what_the_tools_cannot_do_changes_nothing():
    """A strange order, day or argument is an error that the agent is told."""
    desk = Desk({"A-1": {"status": "late", "day": "Monday", "refunded": False}})
    for name, args in (("refund", {}), ("reschedule", {"order": "A-1", "day": 7}), ("find_order", {"order": ["A-1"]})):
        assert "error" in desk.call(name, args)
    assert desk.orders["A-1"] == {"status": "late", "day": "Monday", "refunded": False}


def test_the_recorded_files_are_what_the_program_writes(tmp_path):
    """The committed tasks and feedback, byte for byte."""
    record.write_tasks(tmp_path / "tasks.jsonl")
    assert (tmp_path / "tasks.jsonl").read_bytes() == (HERE / "evals" / "tasks.jsonl").read_bytes()
    record.record(tmp_path / "traces")
    names = sorted(path.name for path in (HERE / "traces").iterdir())
    assert sorted(path.name for path in (tmp_path / "traces").iterdir()) == names
    assert (tmp_path / "traces" / "feedback.jsonl").read_bytes() == (HERE / "traces" / "feedback.jsonl").read_bytes()


def test_the_template_writes_and_serving_reads_every_right_step(renderer):
    """Each step of each kind of task is certified: what it teaches is what serving reads."""
    for task in (next(task for task in MANY if task.kind == kind) for kind in tasks.FAULTS):
        said, desk = [_user(task.text)], Desk(task.orders)
        for step in task.right():
            target = from_chat(step)
            case = Case(id=task.kind, messages=tuple(said), tools=tuple(TOOLS), target=target)
            assert render(case, renderer).supervised[-1]
            results = [{"role": "tool", "content": str(result)} for result in tasks.carry_out(desk, step)]
            said += [target, *map(from_chat, results)]


@pytest.fixture
def curated(tmp_path):
    """Records runs with a share of faults and curates them; gives the project and its dataset."""

    def make(**options):
        folder = tmp_path / "agent"
        shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("traces", ".trueup", "out"))
        record.record(folder / "traces", **options)
        project = Project.open(folder)
        ingest(project)
        return project, curate(project)

    return make


@pytest.mark.slow
def test_the_loop_mines_the_planted_faults_and_makes_rows_of_whole_runs(curated):
    """Every corrected failure of all three faults is found; a good run is one row with all its answers."""
    project, dataset = curated(runs=120)
    corrected = Counter(one.value < 0 for one in project.feedback())[True]
    assert dataset.target_sources["correction"] == corrected > 30
    rows = list(read_lines(project.store.artifacts.folder("dataset", dataset.id) / "train.jsonl", Case))
    answers = [case for row in rows for case in unfolded(row)]
    fixed = Counter(case.target.tool_calls[0].name for case in answers if case.failed)
    assert set(fixed) == {"find_order", "reschedule"} and fixed["find_order"] > fixed["reschedule"] > 5
    whole = [row for row in rows if row.turns]
    assert whole and {len(row.turns) + 1 for row in whole} == {2, 3}
    assert all(row.target.text for row in whole)
    assert not {case.session_id for case in answers} & set(_held_out(project, dataset))


def _held_out(project, dataset):
    folder = project.store.artifacts.folder("dataset", dataset.id)
    return [case.session_id for case in read_lines(folder / "held_out.jsonl", Case)]


@pytest.mark.slow
def test_an_agent_without_faults_trains_nothing(curated):
    """The null control: where nothing failed there is nothing to gain, and the loop ends undecided before training."""
    with pytest.raises(UndecidedError, match="0 "):
        curated(runs=60, faulty=0.0)
