"""An export is dealt to tasks: each file to one of them, each partition to one of them."""

import pytest

from harness.core.codec import decode
from harness.ingest import shared
from harness.ingest.containers import File
from harness.ingest.shared import CutJob, JoinJob, SharedExport
from harness.ingest.shuffle import PARTITIONS


class Recorder:
    """A crew with two slots, whose tasks are kept and not run."""

    def __init__(self):
        self.tasks, self.required = [], []

    def slots(self, gpus=False):
        return 2

    def require(self, places):
        self.required += places

    def share(self, name, place):
        raise AssertionError(name)

    def run(self, tasks):
        self.tasks = list(tasks)
        return iter(())


@pytest.mark.parametrize("size,count", [(1_000, 2), (shared.TASK, 5)])
def test_tasks_are_as_many_as_slots_or_more_where_there_is_more_to_hold(size, count):
    """A large export has more tasks, so that what one gives fits into memory."""
    files = [File(f"/exports/{number}", size, b"") for number in range(5)]
    crew = Recorder()
    export = SharedExport(crew, files, "", {})
    list(export.cut([], lambda moved: None))
    jobs = [decode(task.request, CutJob) for task in crew.tasks]
    assert len(jobs) == count
    assert sorted(file[0] for job in jobs for file in job.files) == list(range(5))
    left = {name for task in crew.tasks for name in task.leaves}
    list(export.join([]))
    joins = [decode(task.request, JoinJob) for task in crew.tasks]
    assert sorted(number for job in joins for number in job.partitions) == list(range(PARTITIONS))
    assert len(joins) == shared.JOINS * count and {name for task in crew.tasks for name in task.reads} == left


def test_workers_have_to_see_files_but_not_addresses():
    """What lies in a bucket is read from there, with the keys of this machine."""
    files = [File("/exports/a", 1, b""), File("s3://exports/b", 1, b"")]
    crew = Recorder()
    list(SharedExport(crew, files, "", {}).cut([], lambda moved: None))
    assert crew.required == ["/exports/a"]
    assert {task.secrets for task in crew.tasks} == {shared.REMOTE_KEYS}
