"""`trueup watch --otel` against a receiver of OTLP metrics over HTTP, which reads them by the protocol's own definition."""

import gzip
import json
import shutil
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from google.protobuf.json_format import Parse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from harness import config
from harness.cli.main import cli
from harness.errors import InputError
from harness.project import Project
from harness.promote import watch, watch_metrics
from harness.types import CallError
from tests.curate.traces import DAY_NS, START_NS, call, thumb
from tests.promote.test_step import walked  # noqa: F401
from tests.promote.test_watch import share, watched

DAYS = 16


class Receiver(ThreadingHTTPServer):
    """Takes POST /v1/metrics as a collector does. `status`: what it answers with."""

    status = 200

    def __init__(self):
        self.requests, self.headers = [], []
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"

    def gauges(self):
        """Name to the value of each set of attributes. Two points of one set would be one series of a dashboard."""
        found = {}
        for request in self.requests:
            for metric in request.resource_metrics[0].scope_metrics[0].metrics:
                for point in metric.gauge.data_points:
                    named = tuple(sorted((each.key, each.value.string_value) for each in point.attributes))
                    assert found.setdefault(metric.name, {}).setdefault(named, None) is None
                    found[metric.name][named] = point.as_double or float(point.as_int)
        return found


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        assert self.path == "/v1/metrics" and self.headers["content-type"] == "application/json"
        if self.server.status == 200:
            self.server.requests.append(Parse(body, ExportMetricsServiceRequest()))
        self.server.headers.append(dict(self.headers))
        self.send_response(self.server.status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b"{}" if self.server.status == 200 else ExportMetricsServiceResponse().SerializeToString())

    def log_message(self, *_):
        pass


@contextmanager
def receiving():
    with Receiver() as receiver:
        threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield receiver
        finally:
            receiver.shutdown()


def calls():
    """Sixteen days of thirty people; from the tenth day on most of them get an error, and ask another route."""
    for number in range(DAYS * 30):
        day, person = divmod(number, 30)
        moved = day >= 10 and person < 24
        given = {"output": (), "error": CallError(type="ValueError", message="bad plan")} if moved else {}
        at = START_NS + day * DAY_NS + person * 10**9
        text = f"table {person} please"
        yield call(number, text, user_id=f"u{person}", start_ns=at, route="/new" if moved else "/old", **given)


@pytest.mark.usefixtures("no_headers")
def test_every_share_alarm_and_suite_arrives(walked, tmp_path):  # noqa: F811
    """Those of `--json` and of the latest evaluation, each once, under the project's name."""
    root = shutil.copytree(walked[0].config.root, tmp_path / "copy")
    work = Project.open(config.load(root))
    work.store.traces.merge([*calls()], [thumb(f"t:{number}", -1) for number in range(0, 480, 7)], ())
    with receiving() as receiver:
        done = CliRunner().invoke(cli, ["watch", "--json", "--otel", receiver.address, "--config", str(root)])
    assert done.exit_code == 1, done.output
    found = json.loads(done.stdout)["watching"]
    gauges = receiver.gauges()
    (request,) = receiver.requests
    assert request.resource_metrics[0].resource.attributes[0].value.string_value == "tickets"
    assert {"clusters", "inputs", "answers", "outcomes"} == {one["kind"] for one in found["shares"]}
    shown = {_named(one): one["now"] for one in found["shares"]}
    assert gauges["trueup.watch.share"] == pytest.approx(shown)
    assert len(gauges["trueup.watch.evidence"]) == len(gauges["trueup.watch.alarm"]) == len(found["shares"])
    raised = {(dict(named)["name"], dict(named)["action"]) for named, on in gauges["trueup.watch.alarm"].items() if on}
    assert raised == {(alarm["name"], alarm["action"]) for alarm in found["alarms"]} != set()
    for name, action in raised:
        assert gauges["trueup.watch.evidence"][_of(gauges["trueup.watch.evidence"], name)] >= 1, (name, action)
    means = {(("arm", arm), ("suite", suite)): mean for (suite, arm), mean in watch.means(work).items()}
    assert gauges["trueup.suite.mean"] == pytest.approx(means) and len(means) == 6


def _named(one):
    cluster = {"cluster": one["cluster"][:12]} if one.get("cluster") else {}
    return tuple(sorted({"kind": one["kind"], "name": one["name"], **cluster}.items()))


def _of(gauge, name):
    return next(named for named in gauge if dict(named)["name"] == name)


@pytest.mark.usefixtures("no_headers")
def test_clusters_of_one_name_are_two_series():
    """Their ids tell them apart, so that neither hides the other."""
    found = watched(share(), share((20,) * 20, cluster="d" * 64), lever="fine-tune")
    with receiving() as receiver:
        watch_metrics.export(found, {}, "desk", receiver.address)
    shares = {dict(named)["cluster"]: value for named, value in receiver.gauges()["trueup.watch.share"].items()}
    assert shares == {"c": 0.3, "d" * 12: 0.05}


def test_a_collector_that_wants_a_key_gets_it_and_one_that_refuses_is_named(monkeypatch):
    """The header comes from OpenTelemetry's own variable."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20k")
    with receiving() as receiver:
        watch_metrics.export(watched(share()), {}, "desk", receiver.address)
        assert receiver.headers[0]["authorization"] == "Bearer k"
        receiver.status = 401
        with pytest.raises(InputError, match="metrics were not taken") as raised:
            watch_metrics.export(watched(share()), {}, "desk", receiver.address)
    assert receiver.address in str(raised.value)


@pytest.fixture
def no_headers(monkeypatch):
    """Whatever this machine's environment says of collectors."""
    for name in ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)
