"""One model behind a server: found or started, checked, its adapters loaded, compared with `hf`; then it is asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from harness.core.digests import model_digests
from harness.errors import InputError, InvalidError, TrueupError, UsageError
from harness.evaluate.inference.dtype import dtype_name
from harness.evaluate.serving import comparison, program
from harness.evaluate.serving.calls import Address, Answered, Caller, EndpointError
from harness.evaluate.serving.completion import RenderedRequest, RequestReader, calls_of, check_room, rendered, reply_of
from harness.evaluate.serving.runtime_adapters import ALLOW, RuntimeAdapters, allowed_rank, models_of
from harness.types import Arm, Json, Reply, Request


class ServerOptions(Protocol):
    """What the options of a backend say of its server."""

    @property
    def url(self) -> str: ...
    @property
    def command(self) -> tuple[str, ...]: ...
    @property
    def served(self) -> str: ...
    @property
    def compare(self) -> bool: ...
    @property
    def patience(self) -> float: ...
    def address(self, url: str) -> Address: ...


class ServedModel:
    """A server of one base model for the arms that go through it. Its constructor does all that precedes the first answer."""

    def __init__(self, folder: str, arms: Sequence[Arm], options: ServerOptions, batch_size: int = 0) -> None:
        """Raises UsageError, InvalidError or EndpointError when the server cannot be used for these arms."""
        self._folder, self._options = folder, options
        self._caller = Caller()
        self._program: program.ServerProgram | None = None
        self.reader = RequestReader(folder)
        self.findings: dict[str, str] = {}
        """Arm name to how close the server comes to `hf`."""
        hf_arms = [replace(arm, backend="hf", options={"dtype": dtype_name(arm)}) for arm in arms]
        known = comparison.answers_of_hf(hf_arms) if options.compare else []
        try:
            self.address = options.address(options.url) if options.url else self._start(arms, batch_size)
            card = base_card(models_of(self._caller, self.address), folder, options.served, self.address)
            self._base, self.limit = str(card["id"]), int(card.get("max_model_len") or self.reader.limit)
            self._adapters = RuntimeAdapters(self._caller, self.address)
            names = [self.name_of(arm) for arm in arms]
            for arm, name, answers in zip(arms, names, known, strict=bool(known)):
                self.findings[arm.name] = comparison.compare(
                    answers, self._caller, self.address, name, self.reader.ends, f"arm {arm.name}"
                )
        except BaseException:
            self.close()
            raise

    @property
    def started(self) -> bool:
        """Whether the server was started here."""
        return self._program is not None

    def name_of(self, arm: Arm) -> str:
        """What the server calls the arm's model; its adapter is loaded if it was not."""
        return self._adapters.ensure(arm) if is_beside(arm, self._folder) else self._base

    def answer(self, arm: Arm, requests: Sequence[Request]) -> list[Reply | Exception]:
        """A reply for each request, in order, or an exception in its place.

        Raises UsageError when the server reads less than a prompt that the model itself could read, and InvalidError with
        the end of its log when a server that was started here has ended.
        """
        if self._program:
            self._program.check()
        name = self.name_of(arm)
        answers: dict[int, Reply | Exception] = {}
        asked = {}
        for place, request in enumerate(requests):
            try:
                asked[place] = rendered(self.reader, request)
            except TrueupError as error:
                answers[place] = error
        check_room(list(asked.values()), self.limit, self.address.url)
        calls = {place: calls_of(name, each, self.reader, self.limit) for place, each in asked.items()}
        given = iter(self._caller.post(self.address, [call for each in calls.values() for call in each]))
        for place, each in asked.items():
            answers[place] = self._read(each, [next(given) for _ in calls[place]])
        if self._program and any(isinstance(each, EndpointError) for each in answers.values()):
            self._program.check()
        return [answers[place] for place in range(len(requests))]

    def _read(self, asked: RenderedRequest, given: Sequence[Answered | EndpointError]) -> Reply | Exception:
        failed = [answer for answer in given if isinstance(answer, EndpointError)]
        if failed:
            return failed[0]
        try:
            return reply_of(asked, [answer for answer in given if isinstance(answer, Answered)], self.reader)
        except TrueupError as error:
            return error

    def close(self) -> None:
        """Unload what was loaded, and end a server that was started here."""
        if self._program:
            self._program.close()
            self._program = None
        elif hasattr(self, "_adapters"):
            self._adapters.unload()

    def note(self) -> str:
        """How the model was reached, and how it compares with `hf`."""
        status, text = self._caller.ask(self.address, f"{self.address.root}/version")
        version = text if status == 200 else "version unknown"
        close = "; ".join(f"{name}: {words}" for name, words in self.findings.items())
        return f"{version}, {close or 'not compared with hf (compare = false)'}"

    def _start(self, arms: Sequence[Arm], batch_size: int) -> Address:
        port = program.free_port()
        address = self._options.address(f"http://{program.HOST}:{port}/v1")
        command = started(self._options.command, self._folder, arms, port, batch_size)
        self._program = program.ServerProgram(
            command, {ALLOW: "1", "VLLM_NO_USAGE_STATS": "1"}, program.new_log("server")
        )
        self._program.wait(self._caller, address, self._options.patience)
        return address


def is_beside(arm: Arm, folder: str) -> bool:
    """Whether the arm has an adapter that goes beside the base in this folder."""
    return bool(arm.adapter) and arm.adapter != folder


def started(command: Sequence[str], folder: str, arms: Sequence[Arm], port: int, batch_size: int) -> list[str]:
    """The command with what it must serve. Flags that it has already are left as they are."""
    adapters = sorted({arm.adapter for arm in arms if is_beside(arm, folder)})
    path = str(Path(folder).resolve())
    flags = {"--host": program.HOST, "--port": str(port), "--dtype": dtype_name(arms[0])}
    if batch_size:
        flags["--max-num-seqs"] = str(batch_size)
    if adapters:
        count = str(len(adapters))
        flags |= {"--enable-lora": "", "--max-lora-rank": str(allowed_rank(adapters))}
        flags |= {"--max-loras": count, "--max-cpu-loras": count}
    words = list(command)
    if "serve" in words:  # `vllm serve` wants the model as its first word
        words.insert(words.index("serve") + 1, path)
    else:
        words += ["--model", path]
    given = {word.partition("=")[0].replace("_", "-") for word in words}
    more = [part for flag, value in flags.items() if flag not in given for part in (flag, value) if part]
    return [*words, *more]


def base_card(cards: Sequence[dict[str, Json]], folder: str, served: str, address: Address) -> dict[str, Json]:
    """The base model that the server lists as this folder, or as `served`.

    Raises UsageError when it serves another, InvalidError when the folder that it loaded has other weights.
    """
    own = [card for card in cards if not card.get("parent")]
    names = {served} if served else {folder, str(Path(folder).resolve())}
    for card in own:
        if names & {card["id"], str(card.get("root"))} or (not served and _same_weights(card, folder)):
            _refuse_other_weights(card, folder, address)
            return card
    listed = ", ".join(repr(card["id"]) for card in own) or "no model"
    raise UsageError(
        f"the server serves {listed}, not {served or folder!r}",
        where=address.url,
        next=f"serve {folder}, or set served = \"NAME\" to the server's name for it in the arm's options",
    )


def _weights(card: dict[str, Json]) -> str:
    """Digest of the weights in the folder that the server loaded; empty where that is no folder of this machine."""
    root = Path(str(card.get("root") or ""))
    try:
        return model_digests(root).weights if root.is_absolute() else ""
    except InputError:
        return ""


def _same_weights(card: dict[str, Json], folder: str) -> bool:
    return _weights(card) == model_digests(folder).weights


def _refuse_other_weights(card: dict[str, Json], folder: str, address: Address) -> None:
    weights = _weights(card)
    if weights and weights != model_digests(folder).weights:
        raise InvalidError(
            f"the server loaded other weights than those in {folder}: {card['root']}",
            where=address.url,
            next=f"start the server with {folder}",
        )
