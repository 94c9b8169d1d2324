"""Write docs/reference/ from the code: commands, config keys, plug-ins, nouns. `make docs` runs it; a test compares.

python docs/generate.py
"""

import ast
import sys
from pathlib import Path
from typing import get_args

import click
import msgspec

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from harness import config as harness_config  # noqa: E402
from harness import types as harness_types  # noqa: E402
from harness.cli.main import all_commands  # noqa: E402
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
    """Every key of trueup.toml with its default and meaning."""
    text = NOTE + "# trueup.toml\n\nUnknown keys are refused. Paths are relative to the file's folder.\n\n"
    docs = {**field_docs("harness/config.py"), **noun_docs()}
    for entry in msgspec.structs.fields(harness_config.Config):
        if entry.name == "root":
            continue
        kind = entry.type
        named = ".NAME" if get_args(kind) and issubclass_struct(get_args(kind)[-1]) else ""
        struct = get_args(kind)[-1] if named else kind
        text += f"## [{entry.encode_name}{named}]\n\n"
        if entry.name == "curate":
            from harness.curate.stage import CurateOptions as struct  # heavy, so only when the pages are written

            docs = {**docs, **field_docs_of(struct)}
        text += table(struct, docs)
    return text


def issubclass_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def table(struct: type, docs: dict[str, dict[str, str]]) -> str:
    rows = ""
    for field in msgspec.structs.fields(struct):
        default = "required" if field.required else f"`{shown(field)}`"
        meaning = docs.get(struct.__name__, {}).get(field.name, "").replace("\n", " ").replace("|", "\\|")
        rows += f"| `{field.name}` | {default} | {meaning} |\n"
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
    """Every noun with its fields."""
    docs, text = noun_docs(), NOTE + "# Nouns\n\nStored as canonical JSON; see `harness/types/`.\n\n"
    for name, fields in docs.items():
        kind = getattr(harness_types, name)
        if not issubclass_struct(kind) or not fields and not kind.__struct_fields__:
            continue
        text += f"## {name}\n\n{(kind.__doc__ or '').strip()}\n\n" if kind.__doc__ else f"## {name}\n\n"
        text += "| field | meaning |\n|---|---|\n"
        text += "".join(
            f"| `{field}` | {fields.get(field, '').replace(chr(10), ' ')} |\n" for field in kind.__struct_fields__
        )
        text += "\n"
    return text


def noun_docs() -> dict[str, dict[str, str]]:
    """As `field_docs`, of every noun, stage by stage."""
    stages = [
        node.module
        for node in ast.parse((ROOT / "harness/types/__init__.py").read_text()).body
        if isinstance(node, ast.ImportFrom)
    ]
    return {name: docs for stage in stages for name, docs in field_docs(f"{stage.replace('.', '/')}.py").items()}


def field_docs(path: str) -> dict[str, dict[str, str]]:
    """Class name to field name to the docstring below the field."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = {
                field.target.id: doc.value.value.strip()
                for field, doc in zip(node.body, node.body[1:], strict=False)
                if isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(doc, ast.Expr)
                and isinstance(doc.value, ast.Constant)
            }
    return found


def field_docs_of(struct: type) -> dict[str, dict[str, str]]:
    """The same for a struct, in whichever of our files it is defined."""
    return field_docs(struct.__module__.replace(".", "/") + ".py")


def first_sentence(path: Path) -> str:
    doc = (
        ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if path.exists()
        else "from another package"
    )
    return doc.split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


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


PAGES = {"commands.md": commands, "config.md": config, "plugins.md": plugins, "nouns.md": types}


def main() -> None:
    folder = ROOT / "docs" / "reference"
    folder.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")
    STUB.write_text(scorers(), encoding="utf-8")


if __name__ == "__main__":
    main()
