"""Dispatch `trueup` to its commands, and turn errors into messages and exit codes.

Each command is a file in `harness/cli/commands/`, imported when it runs or when its help is shown.
"""

import errno
import functools
import importlib
import pkgutil
import sys
import traceback

import click

from harness.cli import commands
from harness.cli.commands._command import SETTINGS
from harness.core.nearest import nearest
from harness.errors import Exit, TrueupError

WALK = (
    *("init", "ingest", "inspect", "mine", "review", "curate", "diff", "tune", "eval", "runs", "show", "compare"),
    *("gate", "report", "promote", "rollback", "monitor", "run", "status", "doctor"),
)
"""The order in which people meet them; any other command follows, by name."""


OS_ERRORS = (
    ({errno.ENOSPC, errno.EDQUOT, errno.EFBIG}, Exit.STORAGE, "free space, then run it again"),
    ({errno.EACCES, errno.EPERM, errno.EROFS}, Exit.STORAGE, "check that you may read and write there: ls -ld"),
    (
        {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG},
        Exit.INPUT,
        "check the path",
    ),
)
"""Errors of the system, the exit code they mean, and what to do."""


class Commands(click.Group):
    """Finds commands in their folder, and names the nearest one on a misspelling."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_names())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"harness.cli.commands.{cmd_name}")
        command: click.Command = getattr(module, cmd_name, None) or getattr(module, f"{cmd_name}_")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and args[0] not in known:
            near = nearest(args[0], known)
            hint = f" Did you mean '{near}'?" if near else ""
            raise click.UsageError(f"No such command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)


@functools.cache
def _names() -> tuple[str, ...]:
    """The folder, looked at once: the help text asks for it before each command."""
    found = [module.name for module in pkgutil.iter_modules(commands.__path__) if not module.name.startswith("_")]
    return tuple(sorted(found, key=lambda name: (WALK.index(name) if name in WALK else len(WALK), name)))


@click.group(cls=Commands, context_settings=SETTINGS)
@click.version_option(package_name="trueup")
def cli() -> None:
    """Turn what failed in production into a fine-tuned adapter that provably fixes it, or say why not.

    \b
    trueup init     write a trueup.toml and a first eval file
    trueup run      the whole loop; exit code 0 promote, 1 hold, 3 undecided, 4 invalid
    trueup report   open what a reviewer decides from
    """


def all_commands() -> dict[str, click.Command]:
    """Name to command, in the order of the help text; those of a group by both words, `store move`."""
    context = click.Context(cli)
    found: dict[str, click.Command] = {}
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if isinstance(command, click.Group):
            found |= {f"{name} {below}": each for below, each in command.commands.items()}
        elif command:
            found[name] = command
    return found


def main() -> None:
    """Entry point of `trueup`: errors become up to three lines and an exit code; only our own faults a traceback."""
    try:
        cli.main(prog_name="trueup", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(Exit.USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; run the same command to continue", err=True)
        sys.exit(130)
    except TrueupError as error:
        importlib.import_module("harness.cli.console").warn(f"trueup: {error}")
        sys.exit(error.exit)
    except OSError as error:
        sys.exit(_os_error(error))
    except Exception:
        traceback.print_exc()
        click.echo("trueup: internal error\n  next:  report it with the traceback above", err=True)
        sys.exit(Exit.INTERNAL)


def _os_error(error: OSError) -> int:
    """What the user can change gets a message and its exit code; anything else is shown whole."""
    for numbers, code, hint in OS_ERRORS:
        if error.errno in numbers:
            where = error.filename if error.filename is not None else "not known"
            importlib.import_module("harness.cli.console").warn(
                f"trueup: {error.strerror}\n  where: {where}\n  next:  {hint}"
            )
            return int(code)
    traceback.print_exc()
    return int(Exit.INTERNAL)
