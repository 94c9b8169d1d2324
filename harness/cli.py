"""The command line. Each command is a thin call of one verb of `harness.loop`; nothing is decided here.

Only click is imported at the top. The loop and the console, which pull in the stages and rich, are imported when a
command runs, so that `trueup --help` answers at once.
"""

import difflib
import functools
import importlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from harness.errors import Exit, TrueupError

VERDICT_EXIT = {"promote": Exit.PROMOTE, "hold": Exit.HOLD, "undecided": Exit.UNDECIDED, "invalid": Exit.INVALID}


class Commands(click.Group):
    """Names the nearest command on a misspelling, and keeps the order in which the loop walks."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            near = difflib.get_close_matches(args[0], self.commands, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"No such command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)


def _late(module: str) -> Any:
    """Import when a command runs, not when it is listed."""
    return importlib.import_module(f"harness.{module}")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="trueup")
def cli() -> None:
    """Turn what failed in production into a fine-tuned adapter that provably fixes it, or say why not.

    \b
    trueup init     write a trueup.toml and a first eval file
    trueup run      the whole loop; exit code 0 promote, 1 hold, 3 undecided, 4 invalid
    trueup report   open what a reviewer decides from
    """


def command(changes: bool = True, **extra: Any) -> Callable:
    """A command that works on the project of the nearest trueup.toml.

    Adds --config, --json and --quiet; opens the store; with `changes` holds its lock, so that two runs never mix.
    The function receives `work` first and returns what --json prints.
    """

    def wrap(function: Callable) -> Callable:
        @cli.command(name=function.__name__.rstrip("_"), **extra)
        @click.option("--config", "-c", type=click.Path(path_type=Path), help="trueup.toml, or its folder.")
        @click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
        @click.option("--quiet", "-q", is_flag=True, help="No progress.")
        @functools.wraps(function)
        def run(config: Path | None, as_json: bool, quiet: bool, **options: Any) -> Any:
            loop, console = _late("loop"), _late("console")
            work = loop.open_work(_late("config").load(config), console.ConsoleWatch(quiet or as_json))
            if changes:
                with work.store.lock():
                    result = function(work, as_json=as_json, **options)
            else:
                result = function(work, as_json=as_json, **options)
            if as_json:
                console.machine(result)
            raise SystemExit(result.get("exit_code", 0))

        return run

    return wrap


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path), default=".")
@click.option("--model", default="", help="Folder of the base model.")
def init(folder: Path, model: str) -> None:
    """Write a starter trueup.toml and one eval file.

    \b
    Example: trueup init myproject --model models/smollm2
    """
    for path in _late("starter").write(folder, model):
        click.echo(f"wrote {path}")
    click.echo("next: put trace exports into traces/, then: trueup run")


@command()
@click.argument("paths", nargs=-1)
@click.option("--format", default="", help="Read as this format instead of recognising it.")
def ingest(work: Any, paths: tuple[str, ...], format: str, as_json: bool) -> dict:
    """Read trace exports: files, folders, globs. Without PATHS, those of trueup.toml.

    \b
    Example: trueup ingest exports/*.jsonl.gz
    """
    return _late("loop").ingest(work, paths, format)


@command()
@click.option("--top", default=20, show_default=True, help="Clusters to show.")
def mine(work: Any, top: int, as_json: bool) -> dict:
    """Find failures in the stored calls and group them.

    \b
    Example: trueup mine --top 10
    """
    mined, console = _late("loop").mine(work), _late("console")
    ranked = sorted(mined.clusters, key=lambda cluster: -len(cluster.call_ids))[:top]
    if not as_json:
        rows = [(len(one.call_ids), one.detector, one.route, one.label, one.id[:8]) for one in ranked]
        console.table(("calls", "detector", "route", "what", "id"), rows)
    return {"calls": mined.calls, "failures": len(mined.failures), "clusters": [one.id for one in mined.clusters]}


@command()
def inspect(work: Any, as_json: bool) -> dict:
    """What is in the traces, and which lever fits each failure cluster: prompt, retrieval, environment or fine-tune.

    \b
    Example: trueup inspect
    """
    found, console = _late("loop").inspect(work), _late("console")
    if not as_json:
        console.say(
            f"{found.calls:,} calls, {found.failed:,} failed, {found.corrected:,} corrected, {found.passed:,} passed"
        )
        rows = [(len(one.call_ids), one.lever, one.detector, one.label, one.evidence) for one in found.clusters]
        console.table(("calls", "lever", "detector", "what", "evidence"), sorted(rows, reverse=True)[:20])
    return {"inspection": found}


@command()
def curate(work: Any, as_json: bool) -> dict:
    """Make training, held-out and regression sets; every call's fate is accounted for.

    \b
    Example: trueup curate --json
    """
    dataset, console = _late("loop").curate(work), _late("console")
    if not as_json:
        console.table(("split", "cases"), sorted(dataset.counts.items()))
        console.say()
        console.table(("fate of each call", "calls"), sorted(dataset.fates.items(), key=lambda item: -item[1]))
        if dataset.leak_proof:
            worst = dataset.leak_proof[0]
            console.say(
                f"\nleak proof: the nearest training text to any held-out text has similarity {worst.similarity:.2f}"
            )
    return {"id": dataset.id, "counts": dataset.counts, "fates": dataset.fates}


@command()
def tune(work: Any, as_json: bool) -> dict:
    """Train an adapter on the latest dataset; a killed training goes on where it was.

    \b
    Example: trueup tune
    """
    adapter, console = _late("loop").tune(work), _late("console")
    if not as_json:
        last = adapter.curve[-1].loss if adapter.curve else float("nan")
        console.say(f"adapter {adapter.id[:12]}: {adapter.steps} steps, last loss {last:.3f}, {adapter.seconds:.0f} s")
    return {"id": adapter.id, "steps": adapter.steps, "rows": adapter.rows, "seconds": adapter.seconds}


@command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--form", default="chat", show_default=True, help="chat, openai-sft, openai-preference, parquet or hf.")
def export(work: Any, folder: Path, form: str, as_json: bool) -> dict:
    """Write the latest dataset in a form that other tools read.

    \b
    Example: trueup export out/sft --form openai-sft
    """
    written, console = _late("sharing").export(work, folder, form), _late("console")
    if not as_json:
        console.say(f"wrote {folder} ({form})")
    return {"folder": str(folder), "form": form, "files": [str(path) for path in written]}


@command()
@click.option("--user", default="", help="User id whose calls are erased.")
@click.option("--trace", default="", help="Trace id whose calls are erased.")
def forget(work: Any, user: str, trace: str, as_json: bool) -> dict:
    """Erase a user's or a trace's calls and feedback, and name the datasets that hold them.

    \b
    Example: trueup forget --user customer-0007
    """
    gone, held = _late("loop").forget(work, user, trace)
    console = _late("console")
    if not as_json:
        console.say(f"{len(gone)} calls erased from the table")
        for dataset in held:
            console.say(f"dataset {dataset[:12]} holds some of them: remove it and what was trained on it")
    return {"calls": gone, "datasets": held}


@command(changes=False)
@click.argument("select", default="")
@click.option("--model", "models", multiple=True, help="Arm to ask; may be given more than once. Default: all.")
def eval_(work: Any, select: str, models: tuple[str, ...], as_json: bool) -> dict:
    """Run the eval suites; SELECT narrows them as pytest's -k does.

    \b
    Example: trueup eval refunds --model tuned
    """
    shelf, console = _late("shelf"), _late("console")
    dataset, adapter = shelf.latest_or_none(work)
    runs = _late("loop").evaluate(work, dataset, adapter, only=models, select=select)
    rows = shelf.means(runs)
    if not as_json:
        console.table(("suite", "arm", "cases", "mean", "errors"), rows)
    return {"means": [dict(zip(("suite", "arm", "cases", "mean", "errors"), row, strict=True)) for row in rows]}


@command(changes=False)
@click.argument("baseline")
@click.argument("candidate")
def compare(work: Any, baseline: str, candidate: str, as_json: bool) -> dict:
    """Two arms of the latest evaluation, suite by suite: what changed, and what is noise.

    \b
    Example: trueup compare base tuned
    """
    console = _late("console")
    findings = _late("shelf").differences(work, baseline, candidate)
    if not as_json:
        for finding in findings:
            console.say(f"{finding.suite}: {finding.sentence}")
    return {"findings": findings}


@command()
def gate(work: Any, as_json: bool) -> dict:
    """Judge the latest runs under the policy of trueup.toml; generates nothing.

    \b
    Example: trueup gate; echo $?
    """
    return _conclude(_late("loop").gate(work), as_json)


@command(changes=False)
@click.option("--open", "open_", is_flag=True, help="Open it in a browser.")
def report(work: Any, open_: bool, as_json: bool) -> dict:
    """Write the report of the latest verdict, and print its first screen.

    \b
    Example: trueup report --open
    """
    loop, console = _late("loop"), _late("console")
    written = loop.report(work)
    if not as_json:
        console.out.print(_late("shelf").first_screen(work))
        for path in written:
            console.say(f"wrote {path}")
    if open_:
        click.launch(str(written[0]))
    return {"files": [str(path) for path in written]}


@command()
@click.option("--by", default=lambda: os.environ.get("USER", ""), help="Who promotes.")
def promote(work: Any, by: str, as_json: bool) -> dict:
    """Move the alias to the adapter that was judged, if the verdict is promote.

    \b
    Example: trueup promote --by ada
    """
    done, console = _late("loop").promote(work, by=by), _late("console")
    if not as_json:
        console.say(f"{done.alias} is now {done.adapter[:12]} (before: {done.previous[:12] or 'the base model'})")
    return {"alias": done.alias, "adapter": done.adapter, "previous": done.previous}


@command()
@click.option("--by", default=lambda: os.environ.get("USER", ""), help="Who rolls back.")
def rollback(work: Any, by: str, as_json: bool) -> dict:
    """Move the alias back to what it was before the last promotion.

    \b
    Example: trueup rollback
    """
    done, console = _late("loop").rollback(work, by=by), _late("console")
    if not as_json:
        console.say(f"{done.alias} is back at {done.adapter[:12] or 'the base model'}")
    return {"alias": done.alias, "adapter": done.adapter, "previous": done.previous}


@command()
def run(work: Any, as_json: bool) -> dict:
    """The whole loop: ingest, mine, curate, tune, evaluate, compare, gate, report.

    \b
    Example: trueup run; echo $?      (0 promote, 1 hold, 3 undecided, 4 invalid)
    """
    loop, console = _late("loop"), _late("console")
    verdict = loop.run(work)
    if not as_json:
        console.out.print(_late("shelf").first_screen(work))
    return _conclude(verdict, as_json, where=work.config.report.out)


@command(changes=False)
def status(work: Any, as_json: bool) -> dict:
    """What is stored, the fate of every record, the latest verdict and what is promoted.

    \b
    Example: trueup status --json
    """
    facts, console = _late("shelf").status(work), _late("console")
    if not as_json:
        console.table(("what", "value"), [(key, value) for key, value in facts.items() if not isinstance(value, dict)])
        console.say()
        console.table(("records", "count"), facts["records"].items())
    return facts


@cli.command()
@click.option("--config", "-c", type=click.Path(path_type=Path), help="trueup.toml, or its folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def doctor(config: Path | None, as_json: bool) -> None:
    """Check the installation, the config, the model folder and every stored file.

    \b
    Example: trueup doctor
    """
    checks, console = _late("doctor").examine(config), _late("console")
    if as_json:
        console.machine({name: {"ok": ok, "detail": detail} for name, ok, detail in checks})
    else:
        console.table(("check", "ok", "detail"), checks)
    if not all(ok for _, ok, _ in checks):
        raise SystemExit(int(Exit.INVALID))


def _conclude(verdict: Any, as_json: bool, where: str = "") -> dict:
    """Say the verdict; the exit code is what CI reads."""
    console = _late("console")
    if not as_json:
        console.say(f"\n{verdict.outcome.upper()}: {verdict.sentence}", style="bold")
        if where:
            console.say(f"report: {where}/report.html")
    code = int(VERDICT_EXIT[verdict.outcome])
    return {"verdict": verdict.outcome, "sentence": verdict.sentence, "id": verdict.id, "exit_code": code}


def main() -> None:
    """Entry point of `trueup`: errors become up to three lines and an exit code; only our own faults a traceback."""
    try:
        cli.main(prog_name="trueup", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(Exit.USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; the same command goes on where it was", err=True)
        sys.exit(130)
    except TrueupError as error:
        _late("console").warn(f"trueup: {error}")
        sys.exit(error.exit)
    except OSError as error:
        sys.exit(_os_error(error))
    except Exception:
        traceback.print_exc()
        click.echo("trueup: this is a fault of ours\n  next:  report it with the lines above", err=True)
        sys.exit(Exit.INTERNAL)


def _os_error(error: OSError) -> int:
    """A full disk and a missing file are the user's to mend; anything else is shown whole."""
    full = {28, 122, 27}  # ENOSPC, EDQUOT, EFBIG
    if error.errno in full:
        click.echo(
            f"trueup: {error.strerror}\n  where: {error.filename}\n  next:  free space, then run it again", err=True
        )
        return int(Exit.STORAGE)
    traceback.print_exc()
    return int(Exit.INTERNAL)
