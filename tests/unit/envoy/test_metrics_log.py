"""What the loggers of metrics count, and with which labels: Istio's, each on each metric."""

from collections.abc import Iterable, Mapping

import pytest
from envoy.config.accesslog.v3.accesslog_pb2 import AccessLog
from envoy.extensions.access_loggers.stats.v3.stats_pb2 import Config

from controlplane.envoy.metrics_log import at_end, connection_metrics, request_metrics
from controlplane.model.metrics import CalledService, LabelChange, Metric, Metrics, Reporter

OF_A_SIDE = (
    "workload",
    "workload_namespace",
    "principal",
    "app",
    "version",
    "cluster",
    "canonical_service",
    "canonical_revision",
)
STANDARD = {
    "reporter",
    *(f"{side}_{name}" for side in ("source", "destination") for name in OF_A_SIDE),
    "destination_service",
    "destination_service_name",
    "destination_service_namespace",
    "request_protocol",
    "response_flags",
    "connection_security_policy",
}
"""https://istio.io/latest/docs/reference/config/metrics/#labels, but for the response's codes."""
OF_TCP = {metric for metric in Metric if metric.value.startswith("tcp_")}
OF_HTTP = set(Metric) - OF_TCP
BOTH = pytest.mark.parametrize("reporter", Reporter)
Labels = Mapping[str, str]


def stats(logs: Iterable[AccessLog]) -> list[tuple[Metric, Labels]]:
    """Every metric of every logger with its labels."""
    found = []
    for log in logs:
        config = Config.FromString(log.typed_config.value)
        for one in (*config.counters, *config.histograms):
            tags = {tag.name: tag.value_format for tag in one.stat.tags}
            found.append((Metric(one.stat.name), tags))
    return found


def every(metrics: Metrics) -> list[tuple[Metric, Labels]]:
    return stats((*request_metrics(metrics), *connection_metrics(metrics)))


@BOTH
def test_every_metric_has_every_standard_label(reporter: Reporter) -> None:
    found = every(Metrics(reporter=reporter))

    assert {metric for metric, _ in found} == set(Metric)
    for metric, labels in found:
        codes = {"response_code"} if metric in OF_HTTP else set()
        of_grpc = labels["request_protocol"] == "grpc"
        assert set(labels) == STANDARD | codes | ({"grpc_response_status"} if of_grpc else set())
        assert labels["reporter"] == reporter.value


@BOTH
@pytest.mark.parametrize("metric", Metric)
def test_a_disabled_metric_alone_is_left_out(reporter: Reporter, metric: Metric) -> None:
    found = every(Metrics(reporter=reporter, disabled=(metric,)))

    assert {each for each, _ in found} == set(Metric) - {metric}


@BOTH
@pytest.mark.parametrize("label", sorted(STANDARD))
def test_each_label_of_one_metric_can_be_replaced_or_left_out(
    reporter: Reporter, label: str
) -> None:
    replaced, left_out = LabelChange(name=label, format="x"), LabelChange(name=label, format=None)
    changes = ((Metric.REQUEST_COUNT, (replaced,)), (Metric.TCP_SENT_BYTES, (left_out,)))

    for metric, labels in every(Metrics(reporter=reporter, changes=changes)):
        if metric is Metric.REQUEST_COUNT:
            assert labels[label] == "x"
        else:
            assert (label in labels) is (metric is not Metric.TCP_SENT_BYTES)


def test_a_new_label_is_added() -> None:
    added = LabelChange(name="request_host", format="%CEL(request.host)%")
    metrics = Metrics(reporter=Reporter.SOURCE, changes=((Metric.REQUEST_COUNT, (added,)),))

    found = [labels for metric, labels in every(metrics) if metric is Metric.REQUEST_COUNT]

    assert [labels["request_host"] for labels in found] == ["%CEL(request.host)%"] * 2


def test_nothing_is_logged_where_every_metric_is_disabled() -> None:
    metrics = Metrics(reporter=Reporter.SOURCE, disabled=tuple(Metric))

    assert request_metrics(metrics) == ()
    assert connection_metrics(metrics) == ()


@pytest.mark.parametrize(("is_mutual", "said"), [(True, "mutual_tls"), (False, "none")])
def test_the_destination_says_which_service_was_called_and_how(is_mutual: bool, said: str) -> None:
    service = CalledService(host="a%b.shop", name="a%b")
    metrics = Metrics(reporter=Reporter.DESTINATION, service=service, is_mutual=is_mutual)

    for _, labels in every(metrics):
        assert labels["connection_security_policy"] == said
        assert labels["destination_service"] == "a%%b.shop"  # a format of Envoy's
        assert labels["destination_service_name"] == "a%%b"


def test_other_logs_of_connections_are_asked_at_the_end_alone() -> None:
    plain = AccessLog(name="file")
    filtered = AccessLog(name="file")
    filtered.filter.response_flag_filter.flags.append("UF")

    assert list(at_end(plain).filter.log_type_filter.types) == [3]
    first, second = at_end(filtered).filter.and_filter.filters
    assert list(first.log_type_filter.types) == [3]  # TcpConnectionEnd
    assert list(second.response_flag_filter.flags) == ["UF"]
