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
    said = group.probe
    if said is None:
        return None
    if said.http_get is not None:
        address = _address(said.http_get.host)
        return _probe(said, address, said.http_get.port, _request(said.http_get, address))
    if said.tcp_socket is not None:
        return _probe(said, _address(said.tcp_socket.host), said.tcp_socket.port, None)
    return None


def _probe(
    said: ReadinessProbe, address: str | None, port: int, request: HttpRequest | None
) -> Probe | None:
    if address is None:
        return None
    return Probe(
        address=address,
        port=PortNumber(port),
        request=request,
        delay=timedelta(seconds=said.initial_delay_seconds),
        period=timedelta(seconds=said.period_seconds or PERIOD),
        timeout=timedelta(seconds=said.timeout_seconds or TIMEOUT),
        successes=said.success_threshold or SUCCESSES,
        failures=said.failure_threshold or FAILURES,
    )


def _address(host: str) -> str | None:
    """``None`` for a name, which an Envoy that checks does not look up."""
    if host in _LOCALHOST:
        return LOOPBACK
    return host if is_unscoped_ip(host) else None


def _request(said: HttpProbe, address: str | None) -> HttpRequest:
    headers = [(header.name, header.value) for header in said.http_headers]
    hosts = [value for name, value in headers if name.lower() == "host"]
    return HttpRequest(
        path=said.path if said.path.startswith("/") else f"/{said.path}",
        host=hosts[-1] if hosts else f"{address}:{said.port}",
        headers=tuple((name, value) for name, value in headers if name.lower() != "host"),
        is_tls=said.scheme == "HTTPS",
    )
