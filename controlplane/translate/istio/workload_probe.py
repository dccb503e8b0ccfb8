"""The ``probe`` of a WorkloadGroup becomes what the Envoys of its workloads check.

Only requests and connections: an Envoy runs no command. The workload is asked on loopback, unless
the probe names an address; unset numbers are Kubernetes'.
Source: https://istio.io/latest/docs/reference/config/networking/workload-group/#ReadinessProbe;
Istio ``pkg/istio-agent/health``.
"""

from datetime import timedelta
from typing import Final

from controlplane.base.hosts import is_unscoped_ip
from controlplane.base.names import PortNumber
from controlplane.kinds.istio.workload_group import HttpProbe, ReadinessProbe, WorkloadGroup
from controlplane.model.probe import HttpRequest, Probe

LOOPBACK: Final = "127.0.0.1"
PERIOD: Final = 10  # seconds
TIMEOUT: Final = 1  # second
SUCCESSES: Final = 1
FAILURES: Final = 3
_LOCALHOST: Final = frozenset({"", "localhost"})


def probe_of(group: WorkloadGroup) -> Probe | None:
    """How the group's workloads are probed; ``None`` where they are not."""
    declared = group.probe
    if declared is None:
        return None
    if declared.http_get is not None:
        address = _address(declared.http_get.host)
        return _probe(
            declared, address, declared.http_get.port, _request(declared.http_get, address)
        )
    if declared.tcp_socket is not None:
        return _probe(declared, _address(declared.tcp_socket.host), declared.tcp_socket.port, None)
    return None


def _probe(
    declared: ReadinessProbe, address: str | None, port: int, request: HttpRequest | None
) -> Probe | None:
    if address is None:
        return None
    return Probe(
        address=address,
        port=PortNumber(port),
        request=request,
        delay=timedelta(seconds=declared.initial_delay_seconds),
        period=timedelta(seconds=declared.period_seconds or PERIOD),
        timeout=timedelta(seconds=declared.timeout_seconds or TIMEOUT),
        successes=declared.success_threshold or SUCCESSES,
        failures=declared.failure_threshold or FAILURES,
    )


def _address(host: str) -> str | None:
    """``None`` for a name, which an Envoy that checks does not look up."""
    if host in _LOCALHOST:
        return LOOPBACK
    return host if is_unscoped_ip(host) else None


def _request(declared: HttpProbe, address: str | None) -> HttpRequest:
    headers = [(header.name, header.value) for header in declared.http_headers]
    hosts = [value for name, value in headers if name.lower() == "host"]
    return HttpRequest(
        path=declared.path if declared.path.startswith("/") else f"/{declared.path}",
        host=hosts[-1] if hosts else f"{address}:{declared.port}",
        headers=tuple((name, value) for name, value in headers if name.lower() != "host"),
        is_tls=declared.scheme == "HTTPS",
    )
