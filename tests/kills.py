"""Kill `trueup run` at random moments, run the same command again, and compare what it left with an undisturbed run.

    python -m tests.kills s3 --rounds 6 --seed 1       the store on moto's S3 server; one kill in two goes on in a fresh folder
    python -m tests.kills ray --rounds 6 --seed 1      a cluster of two nodes: the command, a worker or a node is killed

Prints one JSON line: how many kills met a run at work, how often the killed command ended well by itself (a worker or a node was
lost), and the rounds that ended with other ids, which must be none; on the way, the same after each round. A round kills up to three times, then lets the command end.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests import walk
from tests.core.engines.conftest import STORE, two_nodes
from tests.store.remote.conftest import leading, serving

KILLS = 3
"""Kills of one round at most."""
BUSY = 75


class Whole:
    """A project that was walked once without a kill."""

    def __init__(self, folder: Path) -> None:
        self.model = walk.make(folder).joinpath("model")
        started = time.monotonic()
        walk.run(folder)
        self.seconds = time.monotonic() - started
        self.held = walk.held(folder)


class Tally:
    """What was seen."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.wrong: list[Any] = []

    def killed(self, running: subprocess.Popen[str], after: float, kill: Callable[[int], str]) -> bool:
        """Kill something of a run after some seconds; false when it had ended before."""
        try:
            running.communicate(timeout=after)
            return False
        except subprocess.TimeoutExpired:
            self.counts[kill(running.pid)] += 1
            return True

    def ended(self, number: int, held: dict[str, Any], expected: dict[str, Any]) -> None:
        self.counts["rounds"] += 1
        if held != expected:
            self.wrong.append([number, {name: held[name] for name in held if held[name] != expected[name]}])
        print(json.dumps({**self.counts, "wrong": self.wrong}), file=sys.stderr, flush=True)


def command(process: int) -> str:
    """Kill the command itself; its children end by themselves."""
    os.kill(process, signal.SIGKILL)
    return "command"


def patient(folder: Path, environment: dict[str, str]) -> None:
    """Run the command to its end; as long as a dead run's lease lasts it is turned away."""
    while True:
        running = walk.start(folder, environment)
        out, err = running.communicate()
        if running.returncode != BUSY:
            break
        time.sleep(0.5)
    if running.returncode not in (0, 1, 3):
        raise RuntimeError(f"exit code {running.returncode}\n{out}\n{err[-3000:]}")


# ---------------------------------------------------------------- a store in a bucket


def on_s3(folder: Path, whole: Whole, rounds: int, seed: int) -> Tally:
    """Needs the variables that lead to a server. Each round has a store of its own."""
    rng, tally = random.Random(seed), Tally()
    for number in range(rounds):
        address, place = f"s3://nightly/kills-{seed}-{number}", walk.make(folder / f"{number}", whole.model)
        environment = {"TRUEUP_STORE": address}
        for kill in range(KILLS):
            running = walk.start(place, environment)
            if not tally.killed(running, rng.uniform(0, whole.seconds), command):
                if running.returncode == BUSY:
                    continue
                break
            running.communicate()
            if rng.random() < 0.5:
                place = walk.make(folder / f"{number}-{kill}", whole.model)
                tally.counts["fresh"] += 1
        patient(place, environment)
        tally.ended(number, walk.held(place, address), whole.held)
    return tally


# ---------------------------------------------------------------- a cluster


def on_ray(address: str) -> str:
    """What a project's trueup.toml says for a cluster."""
    return f'[engine]\nkind = "ray"\naddress = "{address}"\n'


class Nodes:
    """A cluster of two nodes, of which the second can be lost."""

    def __init__(self) -> None:
        self.cluster = two_nodes()

    def worker(self, command: int) -> str:
        """Kill a process that does a task, the next one that is seen. When the command ends before, that is no kill."""
        while psutil.pid_exists(command) and psutil.Process(command).status() != psutil.STATUS_ZOMBIE:
            for each in psutil.Process().children(recursive=True):
                if _is_task(each):
                    each.kill()
                    return "worker"
            time.sleep(0.05)
        return "nothing"

    def node(self, _: int) -> str:
        """Kill the second node, and put another one in its place."""
        lost = next(each for each in self.cluster.list_all_nodes() if not each.head)
        self.cluster.remove_node(lost, allow_graceful=False)
        self.cluster.add_node(num_cpus=1, object_store_memory=STORE)
        self.cluster.wait_for_nodes()
        return "node"


def _is_task(process: psutil.Process) -> bool:
    try:
        return process.name() in ("ray::kept", "ray::live")
    except psutil.Error:
        return False


def on_cluster(folder: Path, whole: Whole, rounds: int, seed: int, nodes: Nodes) -> Tally:
    """Commands that lost a worker or a node should end by themselves."""
    rng, tally = random.Random(seed), Tally()
    for number in range(rounds):
        place = walk.make(folder / f"{number}", whole.model, on_ray(nodes.cluster.address))
        for kill in range(KILLS):
            running = walk.start(place)
            what = rng.choice((command, nodes.worker, nodes.node)) if kill else (nodes.worker, nodes.node)[number % 2]
            if not tally.killed(running, rng.uniform(0, 1.2 * whole.seconds), what):
                break
            _, err = running.communicate()
            if what != command:
                survived = running.returncode in (0, 1, 3)
                tally.counts["went on" if survived else f"ended with {running.returncode}"] += 1
                if not survived:
                    print(err[-600:], flush=True)
        patient(place, {})
        tally.ended(number, walk.held(place), whole.held)
    return tally


@contextmanager
def _led(address: str) -> Iterator[None]:
    os.environ.update(leading(address))
    yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("place", choices=("s3", "ray"))
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, started = Path(name), time.monotonic()
        whole = Whole(folder / "whole")
        if chosen.place == "s3":
            with serving() as address, _led(address):
                tally = on_s3(folder, whole, chosen.rounds, chosen.seed)
        else:
            nodes = Nodes()
            tally = on_cluster(folder, whole, chosen.rounds, chosen.seed, nodes)
            nodes.cluster.shutdown()
        seconds = round(time.monotonic() - started)
    print(json.dumps({**tally.counts, "wrong": tally.wrong, "whole_s": round(whole.seconds), "seconds": seconds}))


if __name__ == "__main__":
    main()
