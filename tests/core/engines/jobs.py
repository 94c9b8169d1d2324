"""Jobs for tests of engines."""

import os
import signal
import time
from pathlib import Path

from harness.core.codec import decode, encode
from harness.core.crew import Tell
from harness.errors import InputError


def shout(request: bytes, folder: Path, tell: Tell) -> bytes:
    """Tell each word, and leave them in a file."""
    name, words = decode(request, tuple[str, list[str]])
    for word in words:
        tell(encode(word))
    (folder / name).write_text(" ".join(words).upper())
    return encode(len(words))


def gather(request: bytes, folder: Path, tell: Tell) -> bytes:
    """The texts of files, in order."""
    return encode([(folder / name).read_text() for name in decode(request, list[str])])


def refuse(request: bytes, folder: Path, tell: Tell) -> bytes:
    raise InputError("not this", where="here", next="that")


def die(request: bytes, folder: Path, tell: Tell) -> bytes:
    os.kill(os.getpid(), signal.SIGKILL)
    return b""


def seen(request: bytes, folder: Path, tell: Tell) -> bytes:
    """What the environment of a job has under some names."""
    return encode({name: os.environ.get(name, "") for name in decode(request, list[str])})


def begun(request: bytes, folder: Path, tell: Tell) -> bytes:
    """The first time: say so in a file, and wait to be killed. Any other time: say in how many tries it was done."""
    place = Path(decode(request, str))
    tries = len(list(place.iterdir()))
    (place / str(tries)).touch()
    tell(encode(tries))
    if tries == 0:
        time.sleep(600)
    (folder / "left").write_text("left")
    return encode(tries)
