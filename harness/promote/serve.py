"""Serve base, champion and adapters of the store behind one OpenAI-compatible address, until told to end.

Takes no lock of the store: a nightly run goes on beside it, and what it promotes is served from the next request on.
"""

import secrets
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

from harness.core.admission import Admission, authority, hosts_of, token_of
from harness.core.plugins import load
from harness.core.protocols import Answering
from harness.errors import UsageError
from harness.evaluate.application.openai_api import ApiResponse, answer
from harness.evaluate.prices import prices_of
from harness.evaluate.runner.model import Exchange, Model
from harness.ingest import settings as ingest_settings
from harness.ingest.collector.receiver import Receiver
from harness.project import Project
from harness.promote.serving import spans
from harness.promote.serving.batches import BatchedAnswers
from harness.promote.serving.http import AskedModel, ModelServer
from harness.promote.serving.mirror import Mirror, in_a_trace
from harness.promote.serving.names import NamedModel, ServedModels
from harness.promote.shadow_budget import ShadowBudget, Took
from harness.types import Arm, Reply, Request

TOKEN = "TRUEUP_SERVE_TOKEN"
"""Environment variable: when set, clients must bring it as their key."""
HF, VLLM = "hf", "vllm"


class ServeOptions(NamedTuple):
    host: str = "127.0.0.1"
    port: int = 8000
    names: tuple[str, ...] = ()
    """Further host names that clients may use."""
    token_env: str = TOKEN
    backend: str = ""
    """How models are asked; empty: vLLM where it is installed and trueup.toml says hf, else as trueup.toml says."""
    otel: str = ""
    """Base address of an OTLP collector; empty: the store's inbox."""


def serve(project: Project, options: ServeOptions, ready: Callable[[str], None]) -> dict[str, int]:
    """Serve until the process is told to end (Ctrl-C, SIGTERM); what was begun is answered first. Returns counts.

    `ready` gets the address, once it answers. Raises as `opened` does.
    """
    with opened(project, options) as (server, answers), _told_to_end(server):
        ready(f"http://{authority(options.host)}:{server.server_address[1]}/v1")
        server.serve_forever(poll_interval=0.1)
    return {"requests": answers.asked, "failed": answers.failed}


@contextmanager
def opened(project: Project, options: ServeOptions) -> Iterator[tuple[ModelServer, "StoreAnswers"]]:
    """A server that listens and is not served yet, and what answers its requests.

    At the end what was begun is answered, the models are freed and the last traces handed on. Raises UsageError for an address
    that others can reach without a token and for what cannot be listened on, and what the models raise that cannot be opened.
    """
    token = token_of("serve", options.token_env, TOKEN, options.host)
    models = ServedModels(project, options.backend or _backend(project))
    with ExitStack() as stack:
        traced = stack.enter_context(_traces(project, options.otel))
        answers = StoreAnswers(project, models, traced)
        stack.callback(answers.close)
        server = _listening(options, answers, project.config.canary.header)
        stack.callback(server.finish)
        server.admission = Admission(hosts_of([options.host, *options.names], server.server_address[1]), token)
        yield server, answers


class StoreAnswers:
    """Answer requests by the models of a store, in batches, and traces each."""

    def __init__(self, project: Project, models: ServedModels, traced: spans.ServedSpans) -> None:
        self.asked, self.failed = 0, 0
        self._models, self._traced = models, traced
        self._opened: dict[str, Answering] = {}
        self._known: dict[str, list[Arm]] = {}
        """Backend to the arms that it was opened with."""
        self._counting = threading.Lock()
        self._budget, self._costs = ShadowBudget(project), project.config.cost
        for arm in models.arms():
            load("backends", arm.backend).digest(arm)  # what cannot answer is told before anybody asks
        self._batches = BatchedAnswers(self._replies)
        self._mirror = Mirror(self.answer)

    def close(self) -> None:
        """Once nobody asks any more: ask what is still to be mirrored, and free the models."""
        self._mirror.close()
        self._batches.close()
        for backend in self._opened.values():
            backend.close()

    def names(self) -> dict[str, str]:
        return self._models.names()

    def answer(self, asked: AskedModel) -> ApiResponse:
        """The response; every call of a model, failed or not, leaves a trace.

        What a shadow mirrors is asked of its candidate too, afterwards. Raises BudgetSpentError for a mirrored request beyond
        the day's budget, which no model is asked.
        """
        with self._counting:
            self.asked += 1
        try:
            served = self._models.find(asked.model, asked.caller.session)
            if asked.caller.shadow:
                return self._mirrored(served, asked)
            candidate = self._models.mirrored_to(asked.model, asked.caller.session)
            asked = in_a_trace(asked) if candidate else asked
            response, _ = self._answer(served, asked)
            if candidate:
                self._mirror.offer(asked, candidate)
            return response
        except Exception:
            with self._counting:
                self.failed += 1
            raise

    def _answer(self, served: NamedModel, asked: AskedModel) -> tuple[ApiResponse, list[Exchange]]:
        model = Model(
            served.arm, lambda request: self._batches.ask(served.arm, request), secrets.token_hex(8), prompted=False
        )
        try:
            return answer(model, asked.model, asked.path, asked.body), model.exchanges
        finally:
            for exchange in model.exchanges:
                self._traced.add(asked.model, served, exchange, asked.caller)

    def _mirrored(self, served: NamedModel, asked: AskedModel) -> ApiResponse:
        """A token is at least one byte of the request; what has no prices costs the machine's time."""
        prices, most = prices_of(served.arm.options), len(asked.body)
        cost = prices.at_most_of(most, asked.longest) if prices else 0.0
        with self._budget.asking(Took(most + asked.longest, cost)) as took:
            response, exchanges = self._answer(served, asked)
            replies = [exchange.answer for exchange in exchanges if isinstance(exchange.answer, Reply)]
            if all(None not in (reply.usage.input, reply.usage.output) for reply in replies):
                tokens = sum((reply.usage.input or 0) + (reply.usage.output or 0) for reply in replies)
                seconds = sum(exchange.end_ns - exchange.start_ns for exchange in exchanges) / 1e9
                paid = sum(prices.of(reply.usage) or 0.0 for reply in replies) if prices else None
                took.append(Took(tokens, self._costs.of_machine(seconds) if paid is None else paid))
            return response

    def _replies(self, arm: Arm, requests: Sequence[Request]) -> Sequence[Reply | Exception]:
        """A server that was started before the arm's adapter was there may be unable to take it: it is started again, with it."""
        try:
            return self._backend(arm).answer(arm, requests)
        except UsageError:
            if arm in self._known.get(arm.backend, ()):
                raise
        self._opened.pop(arm.backend).close()
        return self._backend(arm).answer(arm, requests)

    def _backend(self, arm: Arm) -> Answering:
        """What answers for the arm, opened at the first request of its kind. One thread asks."""
        if arm.backend not in self._opened:
            alike = [each for each in self._models.arms() if each.backend == arm.backend]
            self._known[arm.backend] = alike if arm in alike else [*alike, arm]
            self._opened[arm.backend] = load("backends", arm.backend).open(self._known[arm.backend])
        return self._opened[arm.backend]


# ---------------------------------------------------------------- small print


def _backend(project: Project) -> str:
    """vLLM for local models where it is installed; empty: as trueup.toml says."""
    return VLLM if project.config.model.backend == HF and shutil.which(VLLM) else ""


@contextmanager
def _traces(project: Project, address: str) -> Iterator[spans.ServedSpans]:
    folder = project.store.root / ingest_settings.INBOX
    receiver = Receiver(folder, ingest_settings.redactor(project), project.progress.note)
    exporter = spans.to_address(address) if address else spans.InboxExporter(receiver)
    traced = spans.ServedSpans(exporter, project.config.project.name)
    try:
        yield traced
    finally:
        traced.close()


def _listening(options: ServeOptions, answers: StoreAnswers, header: str) -> ModelServer:
    try:
        return ModelServer((options.host, options.port), answers.answer, answers.names, header)
    except OSError as error:
        raise UsageError(
            f"cannot listen: {error}",
            where=f"{options.host}:{options.port}",
            next="trueup serve --port PORT, with one that is free",
        ) from error


@contextmanager
def _told_to_end(server: ModelServer) -> Iterator[None]:
    """SIGINT and SIGTERM end `serve_forever`; it waits for them in this thread, so another has to tell it."""

    def end(*_: object) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(ValueError):  # not in the main thread
            before[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
