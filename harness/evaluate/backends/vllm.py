"""Answer with local models through a vLLM server: its own batching, prefix cache and LoRA batches.

The server has an environment of its own, since vLLM wants other versions of transformers and torch. trueup starts it
(`command`), once for all arms of an evaluation, or uses one that runs already (`url`). Prompts go in as the token ids
that training rendered, token ids come back and are read as those of `hf`; adapters are loaded at run time. Before
anything is asked, a few rows are compared with `hf`.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.core import codec, options
from harness.core.adapters import check_template, verify
from harness.core.digests import model_digests
from harness.core.plugins import load
from harness.core.reads import code, plugin_code
from harness.errors import TrueupError, UsageError
from harness.evaluate.backends import hf
from harness.evaluate.inference.dtype import dtype_name
from harness.evaluate.serving.calls import Address, Caller
from harness.evaluate.serving.program import version_of
from harness.evaluate.serving.runtime_adapters import models_of
from harness.types import Arm, Noun, Recipe, Reply, Request

if TYPE_CHECKING:
    from harness.evaluate.serving.served import ServedModel

SERVED = "harness.evaluate.serving.served"
"""The module that answers: its source, and that of all that it imports, is part of every digest."""
PREFERRED_BATCH = 1024
SCHEMA = True
"""Replies can be held to a JSON schema."""


class Options(Noun, frozen=True):
    """Its keys under an arm's options."""

    url: str = ""
    """Address of a server that runs, up to and with `/v1`. Empty: one is started."""
    command: tuple[str, ...] = ("vllm", "serve")
    """What starts a server, with any flags of its own; model, address, number format and LoRA flags are added."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """What a started server computes in, and what it is compared with; auto: as `hf`."""
    served: str = ""
    """The running server's name for the model, where it is not the folder."""
    compare: bool = True
    """Compare a few rows with `hf` first. False: not, and the run says so."""
    patience: float = 600.0
    """Seconds for which a server that is starting may write nothing to its log."""
    key_env: str = ""
    """Variable with the key of a running server that wants one."""
    concurrency: int = 256
    timeout: float = 600.0
    """Seconds of one try, waiting in the server's queue included."""
    retries: int = 3

    def address(self, url: str) -> Address:
        return Address(
            url=url, key_env=self.key_env, concurrency=self.concurrency, timeout=self.timeout, retries=self.retries
        )


def digest(arm: Arm) -> str:
    """Content id of weights, adapter, tokenizer, template, number format, server and its version, and our code.

    Loads no weights and starts nothing. Raises InputError when the folder is no model, EndpointError when a server that should
    run does not answer, and as `base_folder`.
    """
    given = options_of(arm)
    adapter = ""
    base_folder(arm)
    if arm.adapter:
        manifest = verify(arm.adapter, arm.model)
        check_template(manifest, arm)
        adapter = manifest.id
    server = [given.url, _running(given)] if given.url else [list(given.command), version_of(given.command)]
    ours = [code(SERVED), *sorted(plugin_code("reply_formats").values())]
    return codec.digest(["vllm", ours, server, model_digests(arm.model), adapter, dtype_name(arm)])


def check(arm: Arm) -> str:
    """What is known of the arm's model and server; nothing is started and no token asked for.

    Raises InputError on a model that `hf` refuses too, UsageError on a command that is not there, EndpointError on a server
    that does not answer, and UsageError on one that serves another model.
    """
    given = options_of(arm)
    known = hf.check(arm)
    if given.url:
        from harness.evaluate.serving.served import base_card

        address = given.address(given.url)
        card = base_card(models_of(Caller(), address), arm.model, given.served, address)
        return f"{known}; served as {card['id']}"
    if shutil.which(given.command[0]) is None:
        raise UsageError(
            f"there is no program {given.command[0]!r} to start the server with",
            where=f"arm {arm.name}",
            next="install vLLM in an environment of its own and set "
            'options = { command = ["/path/to/that/bin/vllm", "serve"] }',
        )
    return f"{known}; {version_of(given.command) or 'server of an unknown version'}"


def check_recipe(recipe: Recipe) -> None:
    """Raises UsageError on an adapter that no server could be given, before it is trained."""
    instead = getattr(load("adapters", recipe.adapter), "UNSERVED", "")
    if recipe.form == "adapter" and instead:
        raise UsageError(
            f"a vLLM server takes no adapter of kind {recipe.adapter!r}",
            where="[tune] adapter",
            next=f'{instead}, or the tuned arm\'s backend = "hf"',
        )


def open(arms: Sequence[Arm], *, batch_size: int = 0) -> "Vllm":
    """A backend for these arms. A server is started with the first answer; adapters are verified now."""
    backend = Vllm(arms, batch_size)
    for arm in arms:
        backend.digest(arm)
    return backend


def options_of(arm: Arm) -> Options:
    """Raises UsageError on a wrong option, or on none that says where the server is."""
    options.check_keys(arm.options, [Options], f"arm {arm.name}")
    given = options.read(arm.options, Options, f"arm {arm.name}")
    if not given.url and not given.command:
        raise UsageError(
            "there is neither a server nor a command that starts one",
            where=f"arm {arm.name}",
            next='options = { command = ["/path/to/vllm", "serve"] }, or options = { url = "http://HOST:8000/v1" }',
        )
    return given


def base_folder(arm: Arm) -> str:
    """The folder that a server loads for an arm: the adapter's where that is a whole checkpoint.

    Raises InvalidError when the adapter was made for another base, UsageError when its base was quantized in training.
    """
    manifest = verify(arm.adapter, arm.model) if arm.adapter else None
    if manifest is None or manifest.form == "adapter":
        if manifest and manifest.quantization:
            raise UsageError(
                "the adapter was trained on a quantized base, which a server would load in full",
                where=arm.adapter,
                next='set the arm\'s backend to "hf"',
            )
        return arm.model
    return arm.adapter


class Vllm:
    """Arms of one process. Of the servers that are started one runs at a time: two would share one GPU's memory."""

    preferred_batch = PREFERRED_BATCH

    def __init__(self, arms: Sequence[Arm], batch_size: int = 0) -> None:
        self._arms, self._batch_size = arms, batch_size
        self._models: dict[str, ServedModel] = {}
        self._notes: dict[str, str] = {}
        self._refused: dict[str, TrueupError] = {}
        self._digests: dict[bytes, str] = {}

    def digest(self, arm: Arm) -> str:
        """As the module's, remembered."""
        key = codec.encode(arm)
        if key not in self._digests:
            self._digests[key] = digest(arm)
        return self._digests[key]

    def answer(self, arm: Arm, requests: Sequence[Request]) -> list[Reply | Exception]:
        """A reply for each request, in order; an exception in place of one that cannot be given.

        Raises UsageError, InvalidError or EndpointError when the server cannot be used for the arm.
        """
        return self._of(arm).answer(arm, requests)

    def close(self) -> None:
        """Unload what was loaded, and end what was started."""
        for model in self._models.values():
            model.close()
        self._models.clear()

    def notes(self) -> dict[str, str]:
        """How each model was reached, and how it compares with `hf`: for the run's record."""
        return dict(self._notes)

    def _of(self, arm: Arm) -> "ServedModel":
        key = _key(arm, base_folder(arm))
        if key in self._refused:
            raise self._refused[key]
        if key not in self._models:
            self._models[key] = self._connect(arm, key)
        return self._models[key]

    def _connect(self, arm: Arm, key: str) -> "ServedModel":
        from harness.evaluate.serving.served import ServedModel

        given, folder = options_of(arm), base_folder(arm)
        if not given.url:
            self._end_started()
        together = [each for each in self._arms if _key(each, base_folder(each)) == key]
        try:
            model = ServedModel(folder, together or [arm], given, self._batch_size)
        except TrueupError as error:
            if not given.url:  # starting it again would take as long and end the same
                self._refused[key] = error
            raise
        self._notes[f"vLLM of {Path(folder).name}"] = model.note()
        return model

    def _end_started(self) -> None:
        for key, model in list(self._models.items()):
            if model.started:
                self._models.pop(key).close()


def _key(arm: Arm, folder: str) -> str:
    """What arms share that go through one server."""
    return codec.digest([folder, arm.options])


def _running(given: Options) -> Any:
    """The version of a server that runs. Raises EndpointError when it does not answer."""
    address = given.address(given.url)
    status, text = Caller().ask(address, f"{address.root}/version")
    return text if status == 200 else ""
