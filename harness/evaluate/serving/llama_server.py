"""Ask one GGUF file through llama.cpp's own server, token ids in and token ids out.

llama.cpp renders and tokenizes texts by what is in the file, which is what Ollama's and its own users get. So one conversation is
rendered by both: where the tokens differ, the note of the run and the deploy target say so.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from harness.core.codec import decode
from harness.core.reading import reply_from
from harness.core.rendering import prompt_ids
from harness.errors import TrueupError, UsageError
from harness.evaluate.inference.requests import NO_PROMPT
from harness.evaluate.serving import program
from harness.evaluate.serving.calls import Address, Answered, Caller, EndpointCall, EndpointError
from harness.evaluate.serving.completion import RenderedRequest, RequestReader, check_room, rendered
from harness.types import Json, Message, Reply, Request, TextPart, Usage

PLAIN: dict[str, Json] = {
    "top_k": 0,
    "min_p": 0.0,
    "repeat_penalty": 1.0,
    "cache_prompt": False,
    "return_tokens": True,
}
"""What every call says, whatever the server's defaults are. A prompt that was kept from before rounds differently."""
SAME = "its template and tokenizer write the prompt that was judged"


class LlamaOptions(Protocol):
    """What the options of a backend say of its server."""

    @property
    def command(self) -> tuple[str, ...]: ...
    @property
    def parallel(self) -> int: ...
    @property
    def patience(self) -> float: ...
    @property
    def timeout(self) -> float: ...


class LlamaServer:
    """A server that was started for one file. Its constructor returns once it answers."""

    def __init__(self, file: Path, model: str, options: LlamaOptions) -> None:
        """`model`: the folder whose tokenizer and template render. Raises InvalidError with the server's log."""
        self.reader, self._caller = RequestReader(model), Caller()
        port = program.free_port()
        self._address = Address(
            url=f"http://{program.HOST}:{port}",
            key_env="",
            concurrency=options.parallel,
            timeout=options.timeout,
            retries=1,
        )
        flags = {"--model": str(file), "--host": program.HOST, "--port": str(port), "--parallel": str(options.parallel)}
        command = [*options.command, *(part for pair in flags.items() for part in pair)]
        self._program = program.ServerProgram(command, {}, program.new_log("llama-server"))
        try:
            self._program.wait(self._caller, self._address, options.patience)
            self.limit = self._context()
            self.note = self._difference() or SAME
        except BaseException:
            self._program.close()
            raise

    def answer(self, requests: Sequence[Request]) -> list[Reply | Exception]:
        """A reply or an exception for each. Raises InvalidError where the server has ended."""
        self._program.check()
        answers: dict[int, Reply | Exception] = {}
        asked: dict[int, RenderedRequest] = {}
        for place, request in enumerate(requests):
            try:
                asked[place] = self._rendered(request)
            except TrueupError as error:
                answers[place] = error
        check_room(list(asked.values()), self.limit, self._address.url)
        calls = [self._call(each) for each in asked.values()]
        for (place, each), answer in zip(asked.items(), self._caller.post(self._address, calls), strict=True):
            answers[place] = self._reply(each, answer)
        if any(isinstance(each, EndpointError) for each in answers.values()):
            self._program.check()
        return [answers[place] for place in range(len(requests))]

    def close(self) -> None:
        self._program.close()

    def _rendered(self, request: Request) -> RenderedRequest:
        if request.kind == "loglikelihood":
            raise UsageError(
                "llama.cpp's server gives no log-likelihoods of given texts", next='ask such suites of backend = "hf"'
            )
        return rendered(self.reader, request)

    def _call(self, asked: RenderedRequest) -> EndpointCall:
        request, writing = asked.request, asked.writing
        assert writing
        body: dict[str, Json] = {
            **PLAIN,
            "prompt": list(writing.tokens),
            "n_predict": min(writing.max_new, self.limit - len(writing.tokens)),
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": (request.seed + request.repeat) % 2**31,
        }
        if request.stop:
            body["stop"] = list(request.stop)
        if request.schema is not None:
            body["json_schema"] = request.schema
        return EndpointCall("/completion", body)

    def _reply(self, asked: RenderedRequest, answer: Answered | EndpointError) -> Reply | Exception:
        if isinstance(answer, EndpointError):
            return answer
        writing = asked.writing
        assert writing
        try:
            tokens = [int(token) for token in answer.json["tokens"]]
            finish = "length" if answer.json["stop_type"] == "limit" else "stop"
            cached = int(answer.json["timings"]["cache_n"])
        except (KeyError, TypeError, ValueError) as error:
            return EndpointError(
                f"the server's answer is not a completion with tokens: {str(answer.json)[:200]}: {error}"
            )
        end = next((place for place, token in enumerate(tokens) if token in self.reader.ends), len(tokens))
        usage = Usage(input=len(writing.tokens), output=len(tokens), cache_read=cached)
        blank = Reply(text="", finish_reason=finish, usage=usage, seconds=answer.seconds)
        try:
            return reply_from(self.reader.tokenizer, asked.request, writing.tokens, tokens[:end], blank)
        except TrueupError as error:
            return error

    def _context(self) -> int:
        """Tokens that one request may have."""
        known = self._ask("/props", None)["default_generation_settings"]
        return min(int(known["n_ctx"]), self.reader.limit)

    def _difference(self) -> str:
        """In words how llama.cpp renders a conversation differently from training; empty where it does not."""
        messages = (
            Message(role="system", parts=(TextPart(text="Answer in one word."),)),
            Message(role="user", parts=(TextPart(text="Is there a table at 7?"),)),
        )
        try:
            ours = list(prompt_ids(self.reader.tokenizer, NO_PROMPT, messages))
            chat: Json = [{"role": message.role, "content": message.text} for message in messages]
            text = self._ask("/apply-template", {"messages": chat})["prompt"]
            theirs = self._ask("/tokenize", {"content": text, "add_special": True, "parse_special": True})["tokens"]
        except TrueupError as error:
            return f"its template cannot be compared: {error.what}"
        if ours == theirs:
            return ""
        apart = next((place for place, pair in enumerate(zip(ours, theirs, strict=False)) if len(set(pair)) > 1), 0)
        shown = self.reader.tokenizer.decode(theirs[max(0, apart - 4) : apart + 4])
        return f"as a chat it renders another prompt than training did, from token {apart} on: {shown!r}"

    def _ask(self, path: str, body: Json) -> Json:
        status, text = self._caller.ask(self._address, f"{self._address.url}{path}", body)
        if status != 200:
            raise EndpointError(f"HTTP {status}: {text[:200]}", where=path)
        return decode(text, dict)
