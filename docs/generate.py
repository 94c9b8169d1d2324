"""Write docs/reference/ from the code: commands, config keys, plug-ins, nouns. `make docs` runs it; a test compares.

python docs/generate.py
"""

import ast
import inspect
import re
import sys
from pathlib import Path
from types import FunctionType
from typing import get_origin

import click
import msgspec

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from harness import config as harness_config  # noqa: E402
from harness import types as harness_types  # noqa: E402
from harness.cli import config_schema  # noqa: E402
from harness.cli.main import all_commands  # noqa: E402
from harness.core.field_docs import field_docs, structs_in  # noqa: E402
from harness.core.plugins import PACKAGES, names  # noqa: E402
from harness.errors import Exit  # noqa: E402

STUB = ROOT / "harness" / "evaluate" / "score.pyi"
DEVELOP = {
    "formats": "adding-a-format",
    "detectors": "adding-a-detector",
    "scorers": "adding-a-scorer",
    "backends": "adding-a-backend",
    "rules": "adding-a-rule",
    "trainers": "adding-a-recipe",
}
"""Kind of plug-in to the page that shows how to add one."""
NOTE = "<!-- Written by docs/generate.py from the code; edit that instead. -->\n\n"


def commands() -> str:
    """Every command with its help text, and the exit codes."""
    text = NOTE + "# Commands\n\n"
    for name, command in all_commands().items():
        help_text = command.get_help(click.Context(command, info_name=f"trueup {name}", **command.context_settings))
        text += f"## trueup {name}\n\n```text\n{help_text}\n```\n\n"
    return text + "## Exit codes\n\n| code | name | meaning |\n|---|---|---|\n" + "".join(exit_codes())


def exit_codes() -> list[str]:
    """The comments beside the enum's members are their meaning."""
    lines = (ROOT / "harness" / "errors.py").read_text(encoding="utf-8").splitlines()
    meaning = {
        line.split("=")[0].strip(): line.partition("#")[2].strip() for line in lines if " = " in line and "#" in line
    }
    return [f"| {code.value} | {code.name.lower()} | {meaning[code.name]} |\n" for code in Exit]


def config() -> str:
    """Every key of trueup.toml with its default and meaning, section by section."""
    text = (
        NOTE
        + "# trueup.toml\n\nUnknown keys are refused. Paths are relative to the file's folder. Editors read the same from\n"
    )
    text += "[trueup.schema.json](trueup.schema.json), which `trueup init` writes beside the file.\n\n"
    for entry in msgspec.structs.fields(harness_config.Config):
        named = get_origin(entry.type) is dict and entry.name != "curate"
        structs = [curation()] if entry.name == "curate" else structs_in(entry.type)
        name = f"{entry.encode_name}.NAME" if named else entry.encode_name
        if structs:
            text += section(name, structs[0])
        elif entry.name != "root":
            text += f"## [{name}]\n\n{field_docs(harness_config.Config)[entry.encode_name]}\n\n"
    return text


def curation() -> type:
    """`[curate]` is read by its own step."""
    from harness.curate.options import CurateOptions

    return CurateOptions


def section(name: str, struct: type) -> str:
    """A table of keys, and one for each table inside it."""
    text = f"## [{name}]\n\n{table(struct)}"
    for field in msgspec.structs.fields(struct):
        if isinstance(field.type, type) and structs_in(field.type):
            text += section(f"{name}.{field.name}", field.type)
    return text


def schema() -> str:
    """The same for editors."""
    return config_schema.content().decode()


def issubclass_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def table(struct: type) -> str:
    rows, docs = "", field_docs(struct)
    for field in msgspec.structs.fields(struct):
        inner = isinstance(field.type, type) and bool(structs_in(field.type))
        default = "required" if field.required else "a table" if inner else f"`{shown(field)}`"
        rows += f"| `{field.name}` | {default} | {docs.get(field.encode_name, '').replace('|', chr(92) + '|')} |\n"
    return f"| key | default | meaning |\n|---|---|---|\n{rows}\n"


def shown(field: msgspec.structs.FieldInfo) -> str:
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    return str(list(value) if isinstance(value, tuple) else value).replace("|", "\\|")


def plugins() -> str:
    """Every plug-in with the first sentence of its file."""
    text = NOTE + (
        "# Plug-ins\n\nA plug-in is a file in its folder, or an entry point in the group `trueup.<kind>`. What each kind offers is "
        "stated in `harness/core/protocols.py`.\n\n"
    )
    for kind, package in PACKAGES.items():
        page = DEVELOP.get(kind)
        text += f"## {kind}\n\n" + (
            f"[{page.replace('-', ' ').capitalize()}](../develop/{page}.md)\n\n" if page else ""
        )
        text += "| name | what it is |\n|---|---|\n"
        for name in names(kind):
            path = ROOT / package.replace(".", "/") / f"{name}.py"
            text += f"| `{name}` | {first_sentence(path)} |\n"
        text += "\n"
    return text


def types() -> str:
    """Every noun with its fields, stage by stage."""
    text = NOTE + "# Nouns\n\nStored as canonical JSON; see `harness/types/`.\n\n"
    for name in nouns():
        kind = getattr(harness_types, name)
        if not issubclass_struct(kind):
            continue
        fields = field_docs(kind)
        text += f"## {name}\n\n{(kind.__doc__ or '').strip()}\n\n" if kind.__doc__ else f"## {name}\n\n"
        text += "| field | meaning |\n|---|---|\n"
        text += "".join(f"| `{field}` | {fields.get(field, '')} |\n" for field in kind.__struct_fields__)
        text += "\n"
    return text


def nouns() -> list[str]:
    """Names of the classes of each stage, in the order in which they are defined."""
    stages = [
        node.module
        for node in ast.parse((ROOT / "harness/types/__init__.py").read_text()).body
        if isinstance(node, ast.ImportFrom)
    ]
    files = [ast.parse((ROOT / f"{stage.replace('.', '/')}.py").read_text()) for stage in stages]
    classes = [node.name for tree in files for node in tree.body if isinstance(node, ast.ClassDef)]
    return [name for name in classes if getattr(getattr(harness_types, name, None), "__struct_fields__", ())]


def first_sentence(path: Path) -> str:
    doc = (
        ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if path.exists()
        else "from another package"
    )
    return doc.split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


API = ("Case", "Model", "Reply", "Score")
"""What an eval function is given and gives back."""


def api() -> str:
    """Fields, properties and methods of what an eval file handles, with their docstrings."""
    import trueup

    text = (
        NOTE
        + "# Python\n\nWhat an eval function is given and gives back; see [how to write evals](../how-to/write-evals.md).\n\n"
    )
    for name in API:
        kind = getattr(trueup, name)
        text += f"## {name}\n\n{inspect.getdoc(kind) or ''}\n\n"
        fields = field_docs(kind) if issubclass_struct(kind) else {}
        if fields:
            text += "| field | meaning |\n|---|---|\n"
            text += "".join(f"| `{field}` | {fields.get(field, '')} |\n" for field in kind.__struct_fields__) + "\n"
        for member, value in vars(kind).items():
            function = value.fget if isinstance(value, property) else value
            if not member.startswith("_") and inspect.isfunction(function) and inspect.getdoc(function):
                shown = member if isinstance(value, property) else member + signature(function)
                text += f"### {name}.{member}\n\n```text\n{shown}\n```\n\n{inspect.getdoc(function)}\n\n"
    return text


def signature(function: FunctionType) -> str:
    """As it is called: without `self`, and types by their last name."""
    bare = inspect.signature(function)
    mine = bare.replace(parameters=[each for each in bare.parameters.values() if each.name != "self"])
    return re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])", "", str(mine))


def scorers() -> str:
    """A stub of `harness.evaluate.score`: each scorer with its types, so that a new one stays one new file."""
    own = sorted(path.stem for path in (ROOT / "harness/evaluate/scorers").glob("[!_]*.py"))
    text = "# Written by docs/generate.py from the scorers' files; edit those instead.\n"
    text += "from collections.abc import Callable\n\n"
    text += "".join(f"from harness.evaluate.scorers.{name} import {name} as {name}\n" for name in own)
    text += "from harness.types import Score\n\n"
    return (
        text + "def __getattr__(name: str) -> Callable[..., Score | tuple[Score, ...]]: ...  # a third party's scorer\n"
    )


PAGES = {
    "commands.md": commands,
    "config.md": config,
    "plugins.md": plugins,
    "nouns.md": types,
    "api.md": api,
    "trueup.schema.json": schema,
}


def main() -> None:
    folder = ROOT / "docs" / "reference"
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")
    STUB.write_text(scorers(), encoding="utf-8")


if __name__ == "__main__":
    main()
