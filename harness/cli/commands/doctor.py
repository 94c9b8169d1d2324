"""Check the installation and the project: `trueup doctor`."""

from pathlib import Path

import click

from harness.errors import Exit


@click.command()
@click.option("--config", "-c", type=click.Path(path_type=Path), help="trueup.toml, or its folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def doctor(config: Path | None, as_json: bool) -> None:
    """Check installation, config, model and every stored file.

    \b
    Example: trueup doctor
    """
    from harness.cli import console
    from harness.cli.checks import examine

    checks = examine(config)
    if as_json:
        console.machine({name: {"ok": ok, "detail": detail} for name, ok, detail in checks})
    else:
        console.table(("check", "ok", "detail"), checks)
    if not all(ok for _, ok, _ in checks):
        raise SystemExit(int(Exit.INVALID))
