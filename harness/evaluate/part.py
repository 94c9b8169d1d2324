"""Ask one part of an evaluation's cases in a task of an engine. See `harness.evaluate.spread`."""

import tempfile
from pathlib import Path

from msgspec.structs import replace

from harness.core.codec import decode, encode
from harness.core.crew import Tell
from harness.core.purse import Purse
from harness.evaluate import stage
from harness.types import EvalRequest


def ask(request: bytes, folder: Path, tell: Tell) -> bytes:
    """The runs of an `EvalRequest`, one an arm; its events are those of `stage.evaluate`."""
    wanted = decode(request, EvalRequest)
    with tempfile.TemporaryDirectory(prefix="trueup-", dir=folder) as out:
        own = replace(wanted, out=out)
        return encode(stage.evaluate(own, on_event=lambda event: tell(encode(event)), purse=Purse(wanted.cost)))
