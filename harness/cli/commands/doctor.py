"""Check the installation and the project: `trueup doctor`."""

from pathlib import Path

import click

from harness.cli.commands._command import SETTINGS
from harness.errors import Exit


@click.command(context_settings=SETTINGS)
@click.option("--config", "-c", type=click.Path(path_type=Path), help="trueup.toml, or its folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
@click.option("--repair", is_flag=True, help="Set damaged files aside and continue with what is left.")
def doctor(config: Path | None, as_json: bool, repair: bool) -> None:
    """Check installation, config, model and every stored file.

    --repair is for a store that no backup can restore. It renames damaged files to `.damaged-…`, forgets steps whose
    result is gone, so that the next run does them again, and accepts that lost entries stay lost.

    \b
    Example: trueup doctor
    """
    from harness.cli import checks as cli_checks
    from harness.cli import console

    if repair:
        for lost in cli_checks.repair(config):
            console.warn(f"given up: {lost}")
    checks = cli_checks.examine(config)
    if as_json:
        console.machine({name: {"ok": ok, "detail": detail} for name, ok, detail in checks})
    else:
        console.table(("check", "ok", "detail"), checks)
    if not all(ok for _, ok, _ in checks):
        raise SystemExit(int(Exit.INVALID))
