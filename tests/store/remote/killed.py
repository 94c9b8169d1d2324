"""Do a night on a store again and again, each time killed with SIGKILL at another request. Prints one JSON line.

    python killed.py S3_ADDRESS FOLDER FIRST STEP

Each night runs in a forked child, so that nothing is imported twice; the parent never asks the bucket for anything. For kill N
the store is at S3_ADDRESS/N; the same night is then done to its end in the same folder, and read on a fresh one.
"""

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from harness.store import Store
from harness.store.remote import copy, lease  # noqa: F401 (imported before the first fork)
from harness.store.remote.bucket import Bucket
from tests.store.remote import work


def die_at(number: int) -> None:
    """SIGKILL at the Nth request: odd ones before they are sent, even ones after they were answered."""
    count, guard = 0, threading.Lock()

    def counted(real: Callable) -> Callable:
        def request(*args: object, **keywords: object) -> object:
            nonlocal count
            with guard:
                count += 1
                mine = count
            if mine == number and number % 2:
                os.kill(os.getpid(), signal.SIGKILL)
            done = real(*args, **keywords)
            if mine == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        return request

    for name in ("get", "download", "put", "swap", "delete", "names"):
        setattr(Bucket, name, counted(getattr(Bucket, name)))


def child(act: Callable[[], object]) -> tuple[int, str]:
    """Do it in a child; the signal that ended it, and what it gave as JSON."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writing, json.dumps(act()).encode())
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        given = file.read().decode()
    return os.waitpid(pid, 0)[1], given


def main(address: str, folder: Path, first: int, step: int) -> dict[str, object]:
    expected = child(lambda: work.held_here(folder / "expected"))[1]
    number, wrong, kills = first, [], 0
    while True:
        place, here = f"{address}/{number}", folder / str(number)

        def killed(place: str = place, here: Path = here, number: int = number) -> object:
            die_at(number)
            return work.night(Store.open(here, place))

        status, _ = child(killed)
        if status != signal.SIGKILL:
            return {"kills": kills, "wrong": wrong, "status": status}
        kills += 1
        again = child(lambda place=place, here=here: work.night(Store.open(here, place)))[1]
        fresh = child(lambda place=place, here=here: checked(Store.open(here.with_name(f"{here.name}-fresh"), place)))[
            1
        ]
        if not again == fresh == expected:
            wrong.append([number, again, fresh])
        number += step


def checked(store: Store) -> dict[str, object]:
    """What it holds, if every object and every file is as it was written."""
    held = work.held(store)
    return held if not (store.verify() or store.origin.damaged()) else {}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
