"""Export what was watched as OpenTelemetry metrics, so that dashboards and alerts are those that a team has already.

Gauges, with the share as attributes `kind` and `name`, and `cluster` (its id) where it is a failure cluster's:

    trueup.watch.share       share of people on the last day
    trueup.watch.evidence    evidence for a move over what an alarm needs; 1 or more is an alarm
    trueup.watch.alarm       1 where it is raised, with `action`; else 0
    trueup.suite.mean        of the latest evaluation, with `suite` and `arm`
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from opentelemetry.exporter.otlp.json.file.metric_exporter import FileMetricExporter
from opentelemetry.exporter.otlp.json.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricExportResult, MetricsData
from opentelemetry.sdk.resources import Resource

from harness.errors import InputError
from harness.promote.watch_stage import WatchReport

Means = dict[tuple[str, str], float]
"""Suite and arm to the mean."""


def export(report: WatchReport, means: Means, project: str, target: str) -> None:
    """Write the gauges to `target`: an http(s) address (the collector's base), or a file, made anew.

    Raises InputError when the file cannot be written or the endpoint does not take them.
    """
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], resource=Resource({"service.name": project}), shutdown_on_exit=False)
    meter = provider.get_meter("trueup")
    for name, values in _gauges(report, means).items():
        meter.create_observable_gauge(name, [_callback(values)], unit="1")
    data = reader.get_metrics_data()
    provider.shutdown()
    if data is not None and not _sent(data, target):
        raise InputError("the metrics were not taken", where=target, next="check that a collector listens there")


def _sent(data: MetricsData, target: str) -> bool:
    if target.startswith(("http://", "https://")):
        exporter = OTLPMetricExporter(f"{target.rstrip('/')}/v1/metrics", timeout=10.0)
        return exporter.export(data) is MetricExportResult.SUCCESS
    try:
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        with open(target, "w", encoding="utf-8") as stream:
            return FileMetricExporter(stream=stream).export(data) is MetricExportResult.SUCCESS
    except OSError as error:
        raise InputError(f"the metrics cannot be written: {error.strerror}", where=target) from error


def _gauges(report: WatchReport, means: Means) -> dict[str, list[Observation]]:
    alarms = {(alarm.kind, alarm.name, alarm.cluster): alarm.action for alarm in report.alarms}
    shares, evidence, raised = [], [], []
    for one in report.shares:
        named = {"kind": one.kind, "name": one.name}
        if one.cluster:  # two clusters may have one name
            named["cluster"] = one.cluster[:12]
        action = alarms.get((one.kind, one.name, one.cluster), "")
        shares.append(Observation(one.now, named))
        evidence.append(Observation(one.log_evidence / one.bar, named))
        raised.append(Observation(int(bool(action)), {**named, "action": action or "none"}))
    suites = [Observation(mean, {"suite": suite, "arm": arm}) for (suite, arm), mean in means.items()]
    return {
        "trueup.watch.share": shares,
        "trueup.watch.evidence": evidence,
        "trueup.watch.alarm": raised,
        "trueup.suite.mean": suites,
    }


def _callback(values: list[Observation]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    return lambda options: values
