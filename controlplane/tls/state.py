"""The state of TLS: the Secrets in use, and for each upstream what was presented and expected.

``TlsState`` is requested by a person, so upstreams are probed only then; each handshake has a time
limit, and so has the whole.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from controlplane.admin.tls import (
    ProbedEndpoint,
    SecretInUse,
    TlsDestination,
    TlsExpectation,
    TlsState,
)
from controlplane.admin.view import DeclaredObject
from controlplane.base.addresses import Address
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace, ObjectKey
from controlplane.base.paced import paced
from controlplane.base.provenance import Provenance
from controlplane.engine.engine import Engine
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.kinds.gateway_api.backend_tls_policy import BACKEND_TLS_POLICY
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.model.proxy import Proxy, Role
from controlplane.model.proxy_view import ProxyView
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.snapshot.origins import joined, origin_slices
from controlplane.tls.certificate import certificates
from controlplane.tls.certificate_probe import CertificateProbe, certificate_probes, probe_result
from controlplane.tls.expectation import Expectation, expectations
from controlplane.tls.handshake import Failed, Presented, handshake
from controlplane.tls.secrets import Inventory, declared
from controlplane.tls.verdict import Verdict, unsent, verdict

PROBED_ENDPOINTS: Final = 3  # of one destination; the others are mostly copies of these
PROBED_PROXIES: Final = 3  # of gateways, for one Secret
PROBED_AT_ONCE: Final = 16
PROBED_WITHIN: Final = 20.0  # seconds for all of them

OwnSecrets = Callable[[Proxy], Mapping[str, Resource]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """An expectation, of which proxies, from which rules."""

    expected: Expectation
    proxies: tuple[str, ...]
    rules: tuple[DeclaredObject, ...]


class LiveTls:
    """Compares what the engine expects with what the network presents."""

    def __init__(self, engine: Engine, own_secrets: OwnSecrets) -> None:
        self._engine = engine
        self._own_secrets = own_secrets
        self.inventory = Inventory(engine)
        self._probing = asyncio.Lock()

    async def state(self, proxies: Iterable[Proxy]) -> TlsState:
        """What ``proxies`` expect and get; without one, what a gateway of the root namespace
        would.
        """
        async with self._probing:  # one at a time, so that asking often is no load on upstreams
            connected = tuple(proxies)
            asked = await self._asked(connected or (self._imagined(),))
            probes = tuple(self._probes(connected))
            expected = [*(one.expected for one in asked), *(probe.expectation for probe in probes)]
            found = await _probed(expected)
            return TlsState(
                destinations=tuple(_destination(one, found) for one in asked),
                secrets=tuple(_with_probes(self.inventory.in_use(), probes, found)),
                problems=self.inventory.problems(),
            )

    def _probes(self, proxies: tuple[Proxy, ...]) -> Iterator[CertificateProbe]:
        """Up to ``PROBED_PROXIES`` for each Secret."""
        counted: Counter[str] = Counter()
        for proxy in proxies:
            view = self._engine.view(proxy)
            for probe in certificate_probes(proxy, dict(self._engine.resources(view))):
                if any(counted[object_] < PROBED_PROXIES for object_ in probe.objects):
                    counted.update(probe.objects)
                    yield probe

    def _imagined(self) -> Proxy:
        root = Namespace(mesh_config(self._engine.graph).root_namespace)
        return Proxy(name="none", role=Role.GATEWAY, namespace=root, service_account="default")

    async def _asked(self, proxies: tuple[Proxy, ...]) -> list[_Asked]:
        """Each expectation once, however many proxies have it; sorted by host and cluster."""
        of: dict[Expectation, list[str]] = {}
        rules: dict[Expectation, tuple[DeclaredObject, ...]] = {}
        origins: dict[ProxyView, Mapping[str, Provenance]] = {}
        for proxy in proxies:
            view = self._engine.view(proxy)
            found = dict(self._engine.resources(view))
            made = list(expectations(found, self._own_secrets(proxy)))
            if made and view not in origins:
                slices = origin_slices(self._engine.graph, view, TypeUrl.CLUSTER)
                origins[view] = joined([slice_ async for slice_ in paced(slices)])
            for cluster, expected in made:
                of.setdefault(expected, []).append(f"{proxy.name}.{proxy.namespace}")
                keys = _rules(origins[view].get(cluster.name))
                rules[expected] = tuple(declared(self._engine, key) for key in keys)
        return [
            _Asked(expected=one, proxies=tuple(of[one]), rules=rules[one])
            for one in sorted(of, key=lambda e: (e.host, e.cluster, e.sni, e.names))
        ]


def _rules(found: Provenance | None) -> Iterable[ObjectKey]:
    """The DestinationRules and BackendTLSPolicies that a cluster came from, each once."""
    origins = found.origins if found is not None else ()
    keys = (origin.object for origin in origins if isinstance(origin, FieldRef))
    return dict.fromkeys(key for key in keys if key.kind in (DESTINATION_RULE, BACKEND_TLS_POLICY))


Handshakes = Mapping[tuple[Expectation, Address], Presented | Failed]


async def _probed(expected: Iterable[Expectation]) -> Handshakes:
    """The handshakes that came to an end in time."""
    pairs = [(one, at) for one in expected for at in _probed_endpoints(one)]
    loop = asyncio.get_running_loop()
    executor = ThreadPoolExecutor(PROBED_AT_ONCE, thread_name_prefix="probe")
    try:
        futures = {
            pair: loop.run_in_executor(executor, handshake, pair[1], pair[0]) for pair in pairs
        }
        if futures:
            await asyncio.wait(futures.values(), timeout=PROBED_WITHIN)
        return {pair: f.result() for pair, f in futures.items() if f.done() and not f.cancelled()}
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _probed_endpoints(expected: Expectation) -> tuple[Address, ...]:
    return () if expected.missing else expected.endpoints[:PROBED_ENDPOINTS]


def _with_probes(
    secrets: Iterable[SecretInUse], probes: tuple[CertificateProbe, ...], found: Handshakes
) -> Iterator[SecretInUse]:
    leaves = {s.declared.object: s.certificate for s in secrets}
    for secret in secrets:
        yield replace(
            secret,
            seen=tuple(
                probe_result(
                    probe,
                    tuple(leaf for o in probe.objects if (leaf := leaves.get(o)) is not None),
                    found.get((probe.expectation, probe.at)),
                )
                for probe in probes
                if secret.declared.object in probe.objects
            ),
        )


def _destination(asked: _Asked, found: Handshakes) -> TlsDestination:
    expected = asked.expected
    endpoints = tuple(_endpoints(expected, found))
    whole = unsent(expected) if expected.missing else _of_all(endpoints)
    trusted = expected.trusted
    authorities = trusted.authorities if trusted is not None else b""
    return TlsDestination(
        host=expected.host,
        cluster=expected.cluster,
        mode=expected.mode.value,
        proxies=asked.proxies,
        rules=asked.rules,
        expected=TlsExpectation(
            sni=expected.sni,
            names=expected.names,
            trust=trusted.name if trusted is not None else None,
            authorities=tuple(c.subject for c in certificates(authorities))
            if isinstance(authorities, bytes)
            else (),
            certificate=expected.shown.name if expected.shown is not None else None,
        ),
        endpoints=endpoints,
        unprobed=len(expected.endpoints) - len(endpoints),
        good=whole.good,
        message=whole.message,
    )


def _of_all(endpoints: tuple[ProbedEndpoint, ...]) -> Verdict:
    if not endpoints:
        return Verdict(good=False, message="it has no endpoints")
    bad = [endpoint for endpoint in endpoints if not endpoint.good]
    return Verdict(good=not bad, message=(bad or endpoints)[0].message)


def _endpoints(expected: Expectation, found: Handshakes) -> Iterator[ProbedEndpoint]:
    for at in _probed_endpoints(expected):
        outcome = found.get((expected, at))
        if outcome is None:
            late = Verdict(good=False, message=f"no answer within {PROBED_WITHIN:g} s")
        judged = late if outcome is None else verdict(expected, at, outcome)
        yield ProbedEndpoint(
            address=str(at),
            good=judged.good,
            message=judged.message,
            presented=outcome.chain if isinstance(outcome, Presented) else (),
        )
