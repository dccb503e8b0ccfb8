"""What ``up`` prints, line by line."""

import json
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from controlplane.admin.view import RejectedResource
from controlplane.base.diagnostics import Diagnostic
from controlplane.base.locations import FieldRef
from controlplane.base.names import ObjectKey
from controlplane.base.wording import counted, first_of
from controlplane.cli.curl import Trial
from controlplane.cli.diagnostic_text import DiagnosticText, as_text
from controlplane.cli.envoy_processes import Death
from controlplane.cli.gateway_envoys import Running
from controlplane.cli.output import Segment, Style, printable
from controlplane.cli.ports import Process
from controlplane.cli.status_view import held_removals, rejection
from controlplane.model.gateway_proxy import GATEWAY_NAME, GatewayProxy
from controlplane.serve.known_diagnostics import fixed as no_longer
from controlplane.serve.reload import ACKNOWLEDGED_WITHIN, Reload

Line = list[Segment]
OBJECTS_NAMED: Final = 4
UNPRIVILEGED: Final = 8000  # is added to a port that needs a privilege: 80 is 8080, 443 is 8443


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What an edit did, by object, and the files that it touched."""

    added: tuple[ObjectKey, ...] = ()
    changed: tuple[ObjectKey, ...] = ()
    removed: tuple[ObjectKey, ...] = ()
    refused: tuple[ObjectKey, ...] = ()
    paths: tuple[Path, ...] = ()

    def named(self) -> list[str]:
        """``+ Gateway default/shop`` for what came, ``~`` for what changed, ``-`` for what went."""
        signs = (("+", self.added), ("~", self.changed), ("-", self.removed))
        return [f"{sign} {key.display_name}" for sign, keys in signs for key in keys]


def loaded(objects: int, config: Sequence[Path], computed: timedelta) -> Line:
    where = ", ".join(str(path) for path in config)
    return [
        (f"loaded in {duration(computed)}: ", Style.GOOD),
        (f"{counted(objects, 'object')} from {where}", Style.PLAIN),
    ]


def foreign(line: str | None) -> Iterator[Line]:
    """What is in the files and not for a mesh."""
    if line is not None:
        yield [(printable(line), Style.QUIET)]


def reloaded(changes: Changes, reload: Reload) -> Line:
    """``reloaded in 2.3 ms: ~ VirtualService default/reviews → 1 proxy``."""
    took = reload.acknowledged or reload.computed
    named = changes.named()
    if not named:
        files = ", ".join(str(path) for path in changes.paths[:OBJECTS_NAMED])
        what = "its objects stay as they were" if changes.refused else "no object changed"
        style = Style.WARNING if changes.refused else Style.GOOD
        return [(f"reloaded in {duration(took)}: ", style), (f"{files}, {what}", Style.PLAIN)]
    listed = first_of(named, OBJECTS_NAMED)
    late = ""
    if reload.acknowledged is None:
        late = f", not acknowledged by all proxies within {ACKNOWLEDGED_WITHIN:g} s"
    waited = ""
    if reload.waited is not None:
        waited = f" (waited {duration(reload.waited)} for the rest of the change)"
    return [
        (f"reloaded in {duration(took)}: ", Style.WARNING if late else Style.GOOD),
        (f"{listed} → {_proxies(reload.affected, reload.proxies)}{late}{waited}", Style.PLAIN),
    ]


def held(keys: Sequence[ObjectKey]) -> Iterator[Line]:
    """Objects that no file declares any more and that stay in force until that is confirmed."""
    if keys:
        named = first_of([key.display_name for key in keys], OBJECTS_NAMED)
        yield from held_removals(len(keys), named)


def _proxies(affected: int, connected: int) -> str:
    if not connected:
        return "no proxy is connected"
    return counted(affected, "proxy") if affected else "nothing changes for any proxy"


def diagnostics(found: Iterable[DiagnosticText]) -> Iterator[Line]:
    yield from as_text(found)


def fixed(before: Iterable[Diagnostic], now: Iterable[Diagnostic]) -> Iterator[Line]:
    """What is no longer wrong. A fault that only moved to another line is the same."""
    for diagnostic in no_longer(before, now):
        where = diagnostic.place
        said = where.object.display_name if isinstance(where, FieldRef) else str(where.path)
        yield [
            (f"fixed {diagnostic.code}: ", Style.GOOD),
            (f"{printable(diagnostic.message)} ({said})", Style.PLAIN),
        ]


def rejected(
    proxy: str, resource: RejectedResource, port_holders: Sequence[Process]
) -> Iterator[Line]:
    yield from rejection(proxy, resource)
    if port_holders:
        yield [(f"   the port is held by {', '.join(map(str, port_holders))}", Style.PLAIN)]


def mapped(gateway: GatewayProxy, port: int) -> Iterator[Line]:
    """A Service that lets a gateway listen on a port that needs no privilege."""
    higher = port + UNPRIVILEGED
    labels = [(k, v) for k, v in gateway.labels if gateway.gateway is None or k == GATEWAY_NAME]
    selector = ", ".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in labels)
    yield [
        ("   or: ", Style.GOOD),
        (f"put this into the configuration, and {port} is served on {higher}:", Style.PLAIN),
    ]
    for line in (
        "apiVersion: v1",
        "kind: Service",
        f"metadata: {{name: {gateway.name}, namespace: {gateway.namespace}}}",
        "spec:",
        f"  selector: {{{selector}}}",
        f"  ports: [{{name: port-{port}, port: {port}, targetPort: {higher}}}]",
    ):
        yield [(f"      {line}", Style.PLAIN)]


def taken(proxy: str, resource: RejectedResource) -> Line:
    return [
        ("fixed: ", Style.GOOD),
        (f"{proxy} no longer rejects {resource.type} {printable(resource.name)}", Style.PLAIN),
    ]


def gateway(running: Running) -> Iterator[Line]:
    """A gateway, and where its Envoy can be asked what."""
    here, process = "http://127.0.0.1", running.process
    own = running.proxy.gateway
    whose = f" for {own.display_name} on {running.address}" if own is not None else ""
    yield [
        (f"gateway {running.proxy}{whose}", Style.NAME),
        (f"  Envoy's admin {here}:{process.admin_port}, log {process.log}", Style.QUIET),
    ]
    ready = f"{here}:{process.ready_port}/healthz/ready"
    metrics = f"{here}:{process.metrics_port}/stats/prometheus"
    yield [(f"  ready {ready}, metrics {metrics}", Style.QUIET)]


def to_try(shown: Sequence[Trial], *, more: int, rejected: bool = False) -> Iterator[Line]:
    """Commands, each with where it leads; ``rejected``: the gateway lacks some of its listeners."""
    if not shown:
        why = "no VirtualService is bound and no route is attached to its Gateways"
        why = "it rejects its listeners" if rejected else why
        yield [(f"  nothing to try yet: {why}", Style.WARNING)]
    for trial in shown:
        if not trial.command:
            yield [(f"  {printable(trial.expected)}", Style.WARNING)]
            continue
        expected = f"  # {printable(trial.expected)}" if trial.expected else ""
        yield [(f"  {trial.command}", Style.PLAIN), (expected, Style.QUIET)]
    if more:
        yield [(f"  and {more} more: controlplane config shows them all", Style.QUIET)]


def not_connected(name: str, log: Path) -> Line:
    return [(f"  {name} has not connected yet; its log is {log}", Style.WARNING)]


def shared_ports(ports: Mapping[int, Sequence[object]]) -> Iterator[Line]:
    """Ports on which other processes listen too, which is reported nowhere else."""
    for port, others in sorted(ports.items()):
        who = " and ".join(str(other) for other in others)
        yield [
            (f"port {port} is shared: ", Style.WARNING),
            (f"{who} listen there, and each gets some of the connections", Style.PLAIN),
        ]
        yield [("   hint: ", Style.GOOD), ("stop one, or give it another port", Style.PLAIN)]


def gone(name: str) -> Line:
    return [(f"gateway {name} is stopped: no Gateway selects it any longer", Style.PLAIN)]


def unserved(gateway: ObjectKey) -> Line:
    """A Gateway for which no Envoy can run."""
    why = "its addresses name no Service that selects a gateway, so no Envoy serves it"
    return [(f"{gateway.display_name}: ", Style.WARNING), (why, Style.PLAIN)]


def no_gateway() -> Line:
    return [("no Gateway is declared, so no Envoy runs", Style.WARNING)]


def died(death: Death) -> Line:
    how = f"status {death.status}"
    if death.status < 0:
        how = signal.Signals(-death.status).name
    why = f": {printable(death.reason)}" if death.reason is not None else ""
    return [
        (f"Envoy {death.name} ended with {how}", Style.ERROR),
        (f"{why}; it is restarted in {death.again_in:g} s", Style.PLAIN),
    ]


def duration(time: timedelta) -> str:
    seconds = time.total_seconds()
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1e3:.1f} ms"
