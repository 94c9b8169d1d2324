"""Deploy a GGUF file for llama.cpp and Ollama into a folder: the file that was judged, with a Modelfile, switched in one step.

A GGUF file is another form of the adapter, which answers differently. So only what was judged as one is deployed: an arm with
`backend = "llama_cpp"`. The file is the one that was judged, and the probe is answered by llama.cpp from the deployed copy.

PATH/releases/trueup-3fa91c88d0e24b67-88d0e2aa/   model.gguf, Modelfile, model card, verdict, report
PATH/current                                      a link to one of them, or a file with its name
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from harness.core.adapters import MANIFEST
from harness.core.codec import file_digest, known_digest
from harness.errors import DeployError
from harness.evaluate.backends import llama_cpp
from harness.evaluate.serving import gguf_file
from harness.evaluate.serving.llama_server import SAME, LlamaServer
from harness.promote.release import CARD
from harness.promote.targets import folder
from harness.types import Arm, Message, Release

MODEL, MODELFILE = "model.gguf", "Modelfile"
DOCUMENTS = (CARD, MANIFEST, "evidence/")
"""How the paths of a release begin that are no weights: these are in the GGUF file."""
BACKEND = "llama_cpp"
ROLES = ("user", "assistant")


class Options(folder.Options, frozen=True):
    may_differ: int = 0
    """Of a dozen judged cases, how many may be answered differently: with `parallel` above 1 llama.cpp does not round alike twice."""
    other_template: bool = False
    """True: deploy it although llama.cpp renders a chat otherwise than training did, which its own users would meet."""


def open(options: Options, alias: str) -> "GgufTarget":
    return GgufTarget(options)


class GgufTarget:
    """A folder target of other files."""

    def __init__(self, options: Options) -> None:
        self._folder, self._options = folder.FolderTarget(options), options

    def name_of(self, release: Release) -> str:
        """Raises DeployError where no GGUF file was judged, and for a prompt that a Modelfile cannot say."""
        if release.arm.backend != BACKEND:
            raise DeployError(
                f"what was judged answered through {release.arm.backend}; a GGUF file is another form of it, and answers differently",
                where=release.words,
                next=f'set backend = "{BACKEND}" in the arm, then trueup eval, trueup gate and trueup promote',
            )
        modelfile(release.arm)
        return release.name

    def current(self) -> str:
        return self._folder.current()

    def has(self, name: str) -> bool:
        return self._folder.has(name)

    def put(self, release: Release) -> None:
        """Raises UsageError or InputError where the file cannot be made, DeployError where it renders chats otherwise."""
        with _as_shipped(release) as shipped:
            if not self._options.other_template and not self.has(release.name):
                _renders_alike(release.arm, Path(shipped.places[MODEL]))
            self._folder.put(shipped)

    def check(self, release: Release) -> str:
        with _as_shipped(release) as shipped:
            return self._folder.check(shipped)

    def through(self, release: Release) -> Arm | None:
        file = Path(self._options.path) / folder.RELEASES / release.name / MODEL
        return replace(release.arm, options={**release.arm.options, "file": str(file)})

    def switch(self, name: str) -> None:
        self._folder.switch(name)

    def discard(self, name: str) -> None:
        self._folder.discard(name)


def modelfile(arm: Arm) -> str:
    """How Ollama runs the file as it was judged: greedy, with the arm's prompt. Raises DeployError for a prompt that it cannot say."""
    lines = [f"FROM ./{MODEL}", "PARAMETER temperature 0", "PARAMETER repeat_penalty 1"]
    for place, message in enumerate(arm.prompt.messages):
        is_system = message.role == "system" and place == 0
        if not is_system and message.role not in ROLES or message.tool_calls or '"""' in message.text:
            raise DeployError(
                f"a Modelfile cannot say the prompt {arm.prompt.name!r}: its message {place + 1}",
                where=arm.name,
                next='use plain text without """, a system text first, then users\' and assistants\' turns',
            )
        lines.append(f"{'SYSTEM' if is_system else f'MESSAGE {message.role}'} {_quoted(message)}")
    return "\n".join(lines) + "\n"


@contextmanager
def _as_shipped(release: Release) -> Iterator[Release]:
    """The release with the GGUF file and the Modelfile in place of the weights."""
    given = llama_cpp.options_of(release.arm)
    file = Path(given.file) if given.file else gguf_file.made(release.arm, given.format, given.tools)
    kept = {path: place for path, place in release.places.items() if path.startswith(DOCUMENTS)}
    digests = {path: release.digests[path] for path in kept}
    with tempfile.TemporaryDirectory(prefix="trueup-") as scratch:
        written = Path(scratch) / MODELFILE
        written.write_text(modelfile(release.arm), encoding="utf-8")
        places = {**kept, MODEL: str(file), MODELFILE: str(written)}
        digests |= {MODEL: known_digest(file), MODELFILE: file_digest(written)}
        yield replace(release, places=places, digests=digests)


def _renders_alike(arm: Arm, file: Path) -> None:
    """Those who use the file send texts, and llama.cpp makes the prompt of them."""
    server = LlamaServer(file, arm.model, llama_cpp.options_of(arm))
    server.close()
    if server.note != SAME:
        raise DeployError(
            f"llama.cpp does not serve what was judged: {server.note}",
            where=arm.model,
            next="update llama.cpp and its converter, or set other_template = true for users who send token ids",
        )


def _quoted(message: Message) -> str:
    return f'"""{message.text}"""'
