"""Read the teacher's options as its backend knows them, and make the arm that is asked."""

from typing import Any

from msgspec.structs import replace

from harness.core import options as option_tables
from harness.core import plugins
from harness.core.options import OptionsTable, without_files
from harness.curate.options import CurateOptions, Teacher
from harness.types import Arm

WHERE = "[curate.teacher] options"


def checked(teacher: Teacher, root: str) -> Teacher:
    """The teacher with the paths in its options absolute. Raises UsageError on an option that its backend lacks."""
    return replace(teacher, options=_table(teacher, root).given)


def of(teacher: Teacher, model: str) -> Arm:
    """The arm that is asked; `model` is the teacher's, as a folder or an endpoint's name."""
    return Arm(name="teacher", backend=teacher.backend, model=model, options=teacher.options)


def content(teacher: Teacher, model: str) -> str:
    """Content id of the model that answers; empty without a teacher. Raises InputError when it is not there."""
    return str(plugins.load("backends", teacher.backend).digest(of(teacher, model))) if teacher.backend else ""


def files(teacher: Teacher) -> dict[str, str]:
    """Name to path of each file in the options of the teacher's backend."""
    return {f"teacher.options.{name}": path for name, path in _table(teacher).files.items()}


def knobs(options: CurateOptions) -> dict[str, Any]:
    """The options of curation as plain values, without a path in them."""
    plain = without_files(options)
    if options.teacher.options:
        plain["teacher"] = plain["teacher"] | {"options": _table(options.teacher).knobs}
    return plain


def _table(teacher: Teacher, root: str = "") -> OptionsTable:
    if teacher.backend:
        return option_tables.of_plugin("backends", teacher.backend, teacher.options, WHERE, root)
    return option_tables.table(teacher.options, (), WHERE, root)
