"""The control plane's metrics: all that are declared are there, in Prometheus' form."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.admin.metric_families import FAMILIES, Form
from controlplane.admin.metrics import Metrics
from controlplane.base.laps import Lap
from controlplane.base.names import ObjectKey
from controlplane.envoy.resource import TypeUrl
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE

AT = datetime(2026, 6, 1, tzinfo=UTC)
PROCESS = "process_"
ISTIODS = (
    'counter metrics should have "_total" suffix',
    'non-histogram and non-summary metrics should not have "_count" suffix',
    "metric names should not contain abbreviated units",
)
"""What Prometheus' linter says against names that are istiod's."""


def used() -> Metrics:
    """Metrics of which each has a value."""
    found = Metrics("1.2.3")
    found.look_up(
        connections=lambda: 1,
        services=lambda: 2,
        virtual_services=lambda: 3,
        objects=lambda: 4,
        refused=lambda: 5,
        held=lambda: 6,
        registered=lambda: 7,
        kinds=lambda: {VIRTUAL_SERVICE: 3, SERVICE: 0},
    )
    secret = (ObjectKey(SERVICE, SERVICE_NAMESPACE, "a"), AT + timedelta(days=1))
    root, chain = AT + timedelta(days=9), AT + timedelta(days=8)
    found.expire(lambda: [secret], lambda: root, lambda: chain, lambda: AT)
    found.sent(TypeUrl.ROUTE, 1_234, 0.25, 0.003)
    found.rejected(TypeUrl.LISTENER)
    found.limited("write_time")
    found.failed()
    found.triggered("config")
    found.changed(
        timedelta(milliseconds=3),
        [Lap("read", 1.0, 1.004)],
        timedelta(milliseconds=200),
        passed=[VIRTUAL_SERVICE, VIRTUAL_SERVICE],
        refused=[SERVICE],
    )
    found.converged(timedelta(milliseconds=30))
    found.issued()
    found.token_refused()
    found.keys_fetched(True)
    found.keys_fetched(False)
    found.trace_exported("sent")
    return found


SERVICE_NAMESPACE = ObjectKey(SERVICE, "shop", "a").namespace


def exposed(metrics: Metrics) -> list[str]:
    return metrics.exposition()[0].decode().splitlines()


def test_each_declared_metric_is_exposed_with_its_form_and_no_other_is() -> None:
    typed = [line.split()[2:] for line in exposed(used()) if line.startswith("# TYPE ")]

    found = {name: form for name, form in typed if not name.startswith(PROCESS)}
    assert found == {family.name: family.form.name.lower() for family in FAMILIES}


@pytest.mark.parametrize(
    "line",
    [
        'pilot_info{version="1.2.3"} 1.0',
        'istio_build{component="pilot",tag="1.2.3"} 1.0',
        "istiod_uptime_seconds 0.0",
        'controlplane_kind_objects{group="networking.istio.io",kind="VirtualService"} 3.0',
        "controlplane_registered_workloads 7.0",
        'pilot_push_triggers{type="config"} 1.0',
        'pilot_xds_push_time_bucket{le="0.1",type="rds"} 0.0',
        'pilot_xds_push_time_bucket{le="0.5",type="rds"} 1.0',
        'pilot_xds_send_time_bucket{le="0.005"} 1.0',
        'pilot_debounce_time_bucket{le="0.1"} 0.0',
        'pilot_debounce_time_bucket{le="0.5"} 1.0',
        'controlplane_edit_stage_seconds_bucket{le="0.005",stage="read"} 1.0',
        "pilot_xds_write_timeout 1.0",
        'controlplane_xds_limited_total{limit="write_time"} 1.0',
        'galley_validation_passed{group="networking.istio.io",resource="VirtualService"} 2.0',
        'galley_validation_failed{group="",resource="Service"} 1.0',
        "pilot_jwks_resolver_network_fetch_success_total 1.0",
        "pilot_jwks_resolver_network_fetch_fail_total 1.0",
        "citadel_server_success_cert_issuance_count 1.0",
        "citadel_server_root_cert_expiry_seconds 777600.0",
        "citadel_server_cert_chain_expiry_seconds 691200.0",
        'controlplane_secret_expiry_seconds{name="a",namespace="shop"} 86400.0',
        'controlplane_trace_exports_total{outcome="sent"} 1.0',
    ],
)
def test_a_figure_is_under_its_name(line: str) -> None:
    assert line in exposed(used())


def test_histograms_alone_have_buckets() -> None:
    assert {f.form for f in FAMILIES if f.buckets} == {Form.HISTOGRAM}
    assert all(f.buckets for f in FAMILIES if f.form is Form.HISTOGRAM)


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool here")
def test_promtool_minds_nothing_but_names_of_istiods() -> None:
    text, _ = used().exposition()
    ran = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)

    complaints = (ran.stdout + ran.stderr).decode().splitlines()
    of_names = [line for line in complaints if line.endswith(ISTIODS)]
    assert ran.returncode in (0, 3), "the text itself is well formed"
    assert complaints == of_names
    assert not [line for line in complaints if "controlplane_" in line.split()[0]]
