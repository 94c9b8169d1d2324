"""Dispatch `trueup` to its commands, and turn errors into messages and exit codes.

Each command is a file in `harness/cli/commands/`, imported when it runs or when its help is shown.
"""

import functools
import importlib
import pkgutil
import sys

import click

from harness.cli import commands
from harness.cli.commands._command import SETTINGS
from harness.cli.groups import GROUPS, OLD, heading, place, renamed
from harness.core.nearest import nearest


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
        if args and args[0] in OLD:
            click.echo(f"trueup {args[0]} is now: trueup {' '.join(OLD[args[0]])}", err=True)
            args = renamed(args)
        if args and args[0] not in known:
            near = nearest(args[0], known)
            hint = f" Did you mean '{near}'?" if near else ""
            raise click.UsageError(f"No such command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands under their group's heading, each with its first sentence."""
        every = {name: command for name in self.list_commands(ctx) if (command := self.get_command(ctx, name))}
        wide = max(map(len, every))
        for group in GROUPS:
            rows = [
                (name.ljust(wide), each.get_short_help_str(80))
                for name, each in every.items()
                if heading(name) == group
            ]
            if rows:
                with formatter.section(group):
                    formatter.write_dl(rows)


@functools.cache
def _names() -> tuple[str, ...]:
    """The folder, looked at once: the help text asks for it before each command."""
    found = [module.name for module in pkgutil.iter_modules(commands.__path__) if not module.name.startswith("_")]
    return tuple(sorted(found, key=place))


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
    """Entry point of `trueup`: errors become a message and an exit code; only our own faults show a traceback."""
    try:
        cli.main(prog_name="trueup", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        sys.exit(importlib.import_module("harness.cli.failures").report(error, as_json="--json" in sys.argv))
