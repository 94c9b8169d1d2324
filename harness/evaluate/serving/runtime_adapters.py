"""Have a server load local adapters at run time, each under a name made of its content.

vLLM's prefix cache knows an adapter by its name, so a name must never stand for other bytes. The name holds the digest of
weights and manifest; a name that the server already has is accepted only where the folder behind it has that digest.
API: vLLM's `/v1/load_lora_adapter`, there when it runs with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1.
"""

import contextlib
import json
from pathlib import Path

import msgspec

from harness.core.adapters import check_template, intact
from harness.errors import InvalidError, TrueupError, UsageError
from harness.evaluate.serving.calls import Address, Caller, EndpointError
from harness.types import Adapter, Arm, Json

PREFIX = "trueup-adapter-"
"""What the names of adapters begin with."""
ADAPTER, CHAMPION = "adapter", "champion"
"""`Adapter.form` that a server can put beside its base, and the arm whose adapter stays loaded."""
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Values of vLLM's --max-lora-rank."""
ALLOW = "VLLM_ALLOW_RUNTIME_LORA_UPDATING"
HINTS = {
    "max_lora_rank": "start the server with --max-lora-rank {rank}",
    "not enabled": f"start the server with --enable-lora --max-lora-rank {{rank}} and {ALLOW}=1 in its environment",
    "Not Found": f"start the server with --enable-lora --max-lora-rank {{rank}} and {ALLOW}=1 in its environment",
}
"""Words of a refusal to what helps."""


class RuntimeAdapters:
    """The local adapters of one server, as this evaluation needs them."""

    def __init__(self, caller: Caller, address: Address) -> None:
        self._caller, self._address = caller, address
        self._own: dict[str, bool] = {}
        """Name of each adapter that was loaded here; True: it stays."""

    def ensure(self, arm: Arm) -> str:
        """The name under which the server has the arm's adapter, loaded now unless it was.

        Raises InvalidError when the adapter does not belong to the arm or its name is taken, UsageError when a server
        cannot load it, EndpointError when the server does not answer.
        """
        manifest = intact(arm.adapter)
        name = runtime_name(manifest, arm)
        kept = arm.name == CHAMPION
        folder = self._folders().get(name)
        if folder is None:
            self._load(name, arm.adapter)
            self._own[name] = kept
        else:
            _same(name, folder, arm.adapter, manifest)
            if name in self._own:
                self._own[name] |= kept
        return name

    def unload(self) -> None:
        """Unload what was loaded here, but for a champion's."""
        for name in [name for name, stays in self._own.items() if not stays]:
            with contextlib.suppress(EndpointError):  # a server that is gone has nothing loaded
                self._caller.ask(self._address, f"{self._url}/unload_lora_adapter", {"lora_name": name})
            del self._own[name]

    @property
    def _url(self) -> str:
        return self._address.url.rstrip("/")

    def _folders(self) -> dict[str, str]:
        """Name of each adapter that the server has to its folder."""
        return {card["id"]: str(card.get("root") or "") for card in models_of(self._caller, self._address)}

    def _load(self, name: str, folder: str) -> None:
        body = {"lora_name": name, "lora_path": str(Path(folder).resolve())}
        status, text = self._caller.ask(self._address, f"{self._url}/load_lora_adapter", body)
        if status == 200 or (status == 400 and "already been loaded" in text):  # another evaluation was faster
            return
        hints = (hint.format(rank=allowed_rank([folder])) for words, hint in HINTS.items() if words in text)
        raise UsageError(
            f"the server cannot load the adapter: HTTP {status}: {_message(text)}",
            where=f"{folder} at {self._url}",
            next=next(hints, 'serve it another way, or set the arm\'s backend to "hf"'),
        )


def runtime_name(manifest: Adapter, arm: Arm) -> str:
    """The name of an adapter at a server. Raises InvalidError for one that no server can put beside its base."""
    check_template(manifest, arm)
    if manifest.form != ADAPTER:
        raise InvalidError(
            f"a server can load adapters at run time, and this is of the form {manifest.form!r}",
            where=arm.adapter,
            next="serve the folder as a model of its own",
        )
    return PREFIX + manifest.id[:32]


def models_of(caller: Caller, address: Address) -> list[dict[str, Json]]:
    """What the server lists under `/v1/models`. Raises EndpointError when that is no list of models."""
    url = f"{address.url.rstrip('/')}/models"
    status, text = caller.ask(address, url)
    try:
        cards = msgspec.json.decode(text)["data"] if status == 200 else None
        if isinstance(cards, list) and all(isinstance(card["id"], str) for card in cards):
            return cards
    except (msgspec.DecodeError, KeyError, TypeError):
        pass
    raise EndpointError(
        f"the server does not list its models: HTTP {status}: {text[:200]}",
        where=url,
        next="check that url ends with /v1, and that the server has started",
    )


def allowed_rank(folders: list[str]) -> int:
    """The smallest --max-lora-rank that takes every one of these adapters."""
    rank = max((_rank(folder) for folder in folders), default=0)
    return next((each for each in RANKS if each >= rank), rank)


def _rank(folder: str) -> int:
    try:
        config = json.loads((Path(folder) / "adapter_config.json").read_bytes())
    except (OSError, ValueError):  # no LoRA: the server says so when it is asked to load it
        return 0
    return max(int(config.get("r") or 0), *(int(rank) for rank in (config.get("rank_pattern") or {}).values()), 0)


def _same(name: str, folder: str, own: str, manifest: Adapter) -> None:
    """Raises InvalidError unless the folder that the server loaded under the name has the adapter's content."""
    if Path(folder).resolve() == Path(own).resolve():
        return
    try:
        known = intact(folder).id
    except TrueupError:
        known = ""
    if known != manifest.id:
        raise InvalidError(
            f"the server has another adapter under the name {name}, loaded from {folder}",
            where=own,
            next=f'unload it: POST {{"lora_name": "{name}"}} to /v1/unload_lora_adapter',
        )


def _message(text: str) -> str:
    """The server's words, without the JSON around them."""
    try:
        error = msgspec.json.decode(text)
        return str(error["error"]["message"])[:300]
    except (msgspec.DecodeError, KeyError, TypeError):
        return text[:300]
