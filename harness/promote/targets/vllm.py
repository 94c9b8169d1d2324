"""Deploy into a running vLLM server: the adapter is loaded at run time, and a pointer file says which model to ask for.

A name never stands for other weights, since vLLM's prefix cache knows an adapter by its name. So the switch is a file that your
gateway or application reads, `{"model": "trueup-adapter-...", "url": "..."}`; after it the adapter of before is unloaded. The
server runs with `--enable-lora` and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and forgets its adapters when it ends: `trueup deploy`.
"""

import json
from pathlib import Path

from msgspec.structs import replace

from harness.core.adapters import read_manifest
from harness.core.codec import encode, write_atomic
from harness.core.options import File
from harness.errors import DeployError
from harness.evaluate.serving.calls import Address, Caller
from harness.evaluate.serving.runtime_adapters import CHAMPION, PREFIX, RuntimeAdapters, models_of, runtime_name
from harness.evaluate.serving.served import base_card
from harness.types import Arm, Json, Noun, Release

KEEPS = False
"""The adapter of before is unloaded: each takes memory of the server."""


class Options(Noun, frozen=True):
    url: str
    """Address of the server, up to and with `/v1`."""
    pointer: File
    """The file that says which model to ask for."""
    served: str = ""
    """The server's name for the base model, where it is not the folder."""
    key_env: str = ""
    """Variable with the key of a server that wants one."""
    timeout: float = 120.0
    """Seconds of one request."""
    may_differ: int = 0
    """Of a dozen judged cases, how many may be answered differently: engines round differently."""


def open(options: Options, alias: str) -> "VllmTarget":
    return VllmTarget(options)


class VllmTarget:
    def __init__(self, options: Options) -> None:
        self._options, self._pointer, self._caller = options, Path(options.pointer), Caller()
        self._address = Address(url=options.url, key_env=options.key_env, timeout=options.timeout)

    def name_of(self, release: Release) -> str:
        """Raises DeployError for an arm without an adapter, InvalidError for an adapter that no server can load."""
        if not release.arm.adapter:
            raise DeployError(
                f"a vLLM server is given adapters, and this is {release.words}",
                where=self._options.url,
                next="remove this target, or promote an adapter",
            )
        return runtime_name(read_manifest(release.arm.adapter), release.arm)

    def current(self) -> str:
        """What the pointer names; the server must answer. Raises DeployError on a pointer that is none."""
        self._models()
        try:
            model = json.loads(self._pointer.read_text(encoding="utf-8"))["model"]
            return model if model.startswith(PREFIX) else ""
        except FileNotFoundError:
            return ""
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise DeployError(
                f"the pointer cannot be read: {error!r}", where=str(self._pointer), next="move it away"
            ) from error

    def has(self, name: str) -> bool:
        return any(card["id"] == name for card in self._models())

    def put(self, release: Release) -> None:
        """Raises UsageError when the server cannot load adapters or serves another base, InvalidError on other weights."""
        self._base(release.arm.model)
        RuntimeAdapters(self._caller, self._address).ensure(replace(release.arm, name=CHAMPION))

    def check(self, release: Release) -> str:
        name = self.name_of(release)
        if not self.has(name):
            raise DeployError(
                f"the server has not loaded {name}",
                where=self._options.url,
                next="trueup deploy; it forgets when it ends",
            )
        self.put(release)  # loaded already: compares the files behind the name
        return f"{name} is loaded, with the weights that were judged"

    def through(self, release: Release) -> Arm | None:
        given: dict[str, Json] = {"url": self._options.url, "served": self._options.served, "compare": False}
        given |= {"key_env": self._options.key_env, "timeout": self._options.timeout}
        return replace(release.arm, backend="vllm", options=given)

    def switch(self, name: str) -> None:
        model = name or next((str(card["id"]) for card in self._models() if not card.get("parent")), "")
        write_atomic(self._pointer, encode({"model": model, "url": self._options.url}))

    def discard(self, name: str) -> None:
        if self.has(name):
            url = f"{self._options.url.rstrip('/')}/unload_lora_adapter"
            status, text = self._caller.ask(self._address, url, {"lora_name": name})
            if status != 200:
                raise DeployError(f"the server does not unload {name}: HTTP {status}: {text[:200]}", where=url)

    def _models(self) -> list[dict[str, Json]]:
        """Raises EndpointError when the server does not list its models, with advice where it wants a key."""
        return models_of(self._caller, self._address)

    def _base(self, folder: str) -> str:
        """The server's name for the base that was judged. Raises UsageError or InvalidError when it serves another."""
        return str(base_card(self._models(), folder, self._options.served, self._address)["id"])
