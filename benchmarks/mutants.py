"""Mutation testing of the gate: is there a test that fails when one operator, number or condition is wrong?

    python -m benchmarks.mutants harness/gate/rules harness/gate/stage.py            # all mutants of these files
    python -m benchmarks.mutants harness/gate/statistics --seconds 280                # as many as fit; go on with the same command

mutmut (3.8) does not mutate decorated functions, which the cached ones are, and cosmic-ray (8.7) starts pytest anew for
every mutant, which takes longer than the tests; hence this file. The tests are collected once; each mutant is a fork in
which the code of the mutated function is exchanged, so every module that imported it sees the mutant. Mutated are
comparisons, and/or, arithmetic, not, conditions, numbers, and None-returns; text, names and type hints are not.
What came out is kept in `mutants.json`: killed, survived, or timeout. Last line: counts of each.
"""

import argparse
import ast
import copy
import importlib
import json
import os
import signal
import sys
import time
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "mutants.json"
SLOWEST = 120
"""Seconds after which a mutant counts as found: it no longer ends."""

COMPARED = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
COUNTED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult}


def mutants(source: str) -> Iterator[tuple[str, ast.Module]]:
    """Name and tree of each mutant of a module: one change each, inside functions only."""
    tree = ast.parse(source)
    spots = [node for function in ast.walk(tree) if isinstance(function, ast.FunctionDef) for node in _inside(function)]
    for spot in dict.fromkeys(spots):
        for number, change in enumerate(_changes(spot)):
            memo = {}
            mutant = copy.deepcopy(tree, memo)
            told = change(memo[id(spot)])
            yield f"{spot.lineno}:{spot.col_offset} {told} #{number}", ast.fix_missing_locations(mutant)


def _inside(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Nodes of a function's statements, without texts and annotations."""
    for statement in function.body:
        for node in ast.walk(statement):
            if isinstance(node, (ast.Compare, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.If, ast.IfExp, ast.Constant)):
                yield node


def _changes(node: ast.AST) -> Iterator:
    """Functions that change a copy of the node, and say how."""
    if isinstance(node, ast.Compare):
        for other in COMPARED.get(type(node.ops[0]), ()):
            yield lambda copied, other=other: _set(copied, "ops", [other(), *copied.ops[1:]], other.__name__)
    elif isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield lambda copied: _set(copied, "op", other(), other.__name__)
    elif isinstance(node, ast.BinOp) and type(node.op) in COUNTED:
        other = COUNTED[type(node.op)]
        yield lambda copied: _set(copied, "op", other(), other.__name__)
    elif isinstance(node, (ast.If, ast.IfExp)):
        for value in (True, False):
            yield lambda copied, value=value: _set(copied, "test", ast.Constant(value), f"if {value}")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield _unnot
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield lambda copied: _set(copied, "value", copied.value + 1, f"{copied.value} + 1")
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield lambda copied: _set(copied, "value", not copied.value, f"not {copied.value}")


def _set(node: ast.AST, name: str, value: object, told: str) -> str:
    setattr(node, name, value)
    return told


def _unnot(node: ast.UnaryOp) -> str:
    node.operand = ast.UnaryOp(op=ast.Not(), operand=node.operand)
    return "without not"


def exchange(module: types.ModuleType, mutant: ast.Module) -> None:
    """Give the module's functions the mutant's code, in place."""
    fresh: dict = {"__name__": module.__name__, "__file__": module.__file__}
    exec(compile(mutant, module.__file__ or "", "exec"), fresh)
    for name, old in list(vars(module).items()):
        _exchange(old, fresh.get(name), module.__name__)


def _exchange(old: object, new: object, home: str) -> None:
    old, new = getattr(old, "__wrapped__", old), getattr(new, "__wrapped__", new)
    if getattr(old, "__module__", "") != home:
        return
    if isinstance(old, types.FunctionType) and isinstance(new, types.FunctionType):
        old.__code__, old.__defaults__ = new.__code__, new.__defaults__
    elif isinstance(old, type):
        for name, part in list(vars(old).items()):
            twin = vars(new).get(name)
            if isinstance(part, property) and isinstance(twin, property):
                _exchange(part.fget, twin.fget, home)
            else:
                _exchange(part, twin, home)


class Runner:
    """A pytest plugin that, in place of running the tests once, runs them for every mutant until one fails."""

    def __init__(self, files: list[Path], seconds: float, every: int) -> None:
        self.files, self.ends, self.every = files, time.monotonic() + seconds, every
        self.kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        for file in self.files:
            module = importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
            source = file.read_text(encoding="utf-8")
            items = sorted(session.items, key=lambda item: _nearness(item, file))
            for name, mutant in [*mutants(source)][:: self.every]:
                key = f"{file.relative_to(ROOT)}:{name} | {source.splitlines()[int(name.split(':')[0]) - 1].strip()}"
                if key not in self.kept and time.monotonic() < self.ends:
                    self.kept[key] = _judge(module, mutant, items, session)
                    if self.kept[key] == "survived":
                        print(f"\nsurvived: {key}", flush=True)
                    KEPT.write_text(json.dumps(self.kept, indent=1), encoding="utf-8")
        return True


SLOW = ("test_promote_implies_evidence", "test_order_renaming_and_duplication_change_no_verdict")
"""Property tests that take as long as all others; they come last."""


def _nearness(item: pytest.Item, file: Path) -> tuple[bool, int]:
    """The file's own tests first, then those of its folder."""
    near = (item.path.stem != f"test_{file.stem}") + (item.path.parent.name != file.parent.name)
    return item.name in SLOW, near


def _judge(module: types.ModuleType, mutant: ast.Module, items: list[pytest.Item], session: pytest.Session) -> str:
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        signal.alarm(SLOWEST)
        try:
            exchange(module, mutant)
        except Exception:
            os._exit(1)
        for item in items:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if session.testsfailed:
                os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "timeout" if os.WTERMSIG(status) == signal.SIGALRM else "killed"
    return "killed" if os.WEXITSTATUS(status) else "survived"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument(
        "--tests", nargs="+", default=["tests/gate/statistics", "tests/gate/rules", "tests/gate/test_stage.py"]
    )
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--every", type=int, default=1, help="only every so many-th mutant of a file")
    options = parser.parse_args()
    files = [
        file
        for path in options.paths
        for file in (sorted((ROOT / path).glob("*.py")) if path.is_dir() else [ROOT / path])
    ]
    runner = Runner([file for file in files if file.name != "__init__.py"], options.seconds, options.every)
    os.chdir(ROOT)
    pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--timeout=0", *options.tests], plugins=[runner])
    mine = tuple(str(file.relative_to(ROOT)) for file in files)
    print(json.dumps(Counter(value for key, value in runner.kept.items() if key.startswith(mine))))


if __name__ == "__main__":
    sys.exit(main())
