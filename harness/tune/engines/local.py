"""Run a job in a child process of this machine.

A child of its own keeps torch out of the caller, gives all memory back when it ends, and can be killed without harm.

    run("tune", encode(request), on_event)               in the parent
    python -P -m harness.tune.engines.local tune 5       in the child, which a `Worker` starts
"""

import sys
from collections.abc import Callable, Sequence

from harness.core import worker
from harness.tune.engines import _jobs


def run(job: str, request: bytes, on_event: Callable[[bytes], None], secrets: Sequence[str] = ()) -> bytes:
    """Run `job` in a child process and return its result; `on_event` gets each event's JSON as it comes.

    `secrets` names the environment variables with keys that the job needs: the child inherits those and no others.

    Raises the child's own TrueupError, or one that quotes the end of its output when it died without one.
    """
    with worker.Worker("harness.tune.engines.local", job, secrets=secrets) as child:
        child.send(request)
        return child.result(on_event)


def main(name: str) -> None:
    """In the child: read the request, run the job, answer."""
    parent = worker.parent()
    parent.perform(lambda: _jobs.job(name)(next(parent.requests()), parent.event))


if __name__ == "__main__":
    main(sys.argv[1])
