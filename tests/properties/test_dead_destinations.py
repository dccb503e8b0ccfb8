"""No destination is dead in silence: a service that a gateway sends requests to and that has no
endpoint to send them to is named by a diagnostic; and one that answers is no error.

What answers is worked out here once more, from what Kubernetes and Istio document.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import HealthCheck, given, settings, strategies as st

from controlplane.base.diagnostics import Severity
from controlplane.base.locations import FieldRef
from tests.support.checked import found_in
from tests.support.properties import examples

given_services: Final = settings(
    max_examples=examples(300, in_gate=80),
    suppress_health_check=list(HealthCheck),
    deadline=None,
)
Json = dict[str, Any]
ADDRESS: Final = "10.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Listed:
    """An EndpointSlice, or (``is_slice`` unset) the Endpoints object of the Service."""

    is_slice: bool = True
    label: str | None = "a"
    port: str = "http"
    ready: bool = True
    addresses: tuple[str, ...] = (ADDRESS,)

    @property
    def answers(self) -> bool:
        return self.port == "http" and self.ready and bool(self.addresses)


@dataclass(frozen=True, kw_only=True)
class Workload:
    is_pod: bool
    app: str = "a"
    address: str = ADDRESS
    port: str = ""
    """The name of the port 9080."""
    phase: str = "Running"


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Service ``a``, whose port ``http`` a route leads to."""

    selects: bool
    target: int | str
    lists: tuple[Listed, ...]
    workloads: tuple[Workload, ...]

    @property
    def answers(self) -> bool:
        slices = [o for o in self.lists if o.is_slice and o.label == "a"]
        endpoints = [o for o in self.lists if not o.is_slice]
        if any(o.answers for o in slices or endpoints):
            return True
        selected = [w for w in self.workloads if self.selects and w.app == "a" and w.address]
        fitting = [w for w in selected if self.target in (9080, w.port)]
        pods = [w for w in fitting if w.is_pod and w.phase == "Running"]
        return any(not w.is_pod for w in fitting) or bool(pods and not slices and not endpoints)


lists: Final = st.builds(
    Listed,
    is_slice=st.booleans(),
    label=st.sampled_from(["a", "a", "b", None]),
    port=st.sampled_from(["http", "http", "web", ""]),
    ready=st.sampled_from([True, True, False]),
    addresses=st.sampled_from([(ADDRESS,), (ADDRESS,), ()]),
)
workloads: Final = st.builds(
    Workload,
    is_pod=st.booleans(),
    app=st.sampled_from("aab"),
    address=st.sampled_from([ADDRESS, ADDRESS, ""]),
    port=st.sampled_from(["", "web"]),
    phase=st.sampled_from(["Running", "Running", "Succeeded"]),
)
services: Final = st.builds(
    Destination,
    selects=st.booleans(),
    target=st.sampled_from([9080, "web"]),
    lists=st.lists(lists, max_size=2, unique_by=lambda o: o.is_slice or "endpoints").map(tuple),
    workloads=st.lists(workloads, max_size=2).map(tuple),
)


def documents(found: Destination) -> str:
    every = [*_routing(), _service(found), *_lists(found.lists), *_workloads(found.workloads)]
    return "".join(f"{json.dumps(document)}\n---\n" for document in every)


def _object(api: str, kind: str, name: str, *, labels: Json | None = None, **body: Any) -> Json:
    metadata = {"name": name, "namespace": "default", "labels": labels or {}}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **body}


def _routing() -> Iterator[Json]:
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*"]}
    istio = "networking.istio.io/v1"
    yield _object(istio, "Gateway", "gw", spec={"selector": {"a": "b"}, "servers": [server]})
    rule = {"route": [{"destination": {"host": "a"}}]}
    spec = {"hosts": ["*"], "gateways": ["gw"], "http": [rule]}
    yield _object(istio, "VirtualService", "all", spec=spec)


def _service(found: Destination) -> Json:
    spec: Json = {"ports": [{"name": "http", "port": 80, "targetPort": found.target}]}
    if found.selects:
        spec["selector"] = {"app": "a"}
    return _object("v1", "Service", "a", spec=spec)


def _lists(found: tuple[Listed, ...]) -> Iterator[Json]:
    for i, one in enumerate(found):
        port = {"port": 9080, **({"name": one.port} if one.port else {})}
        if one.is_slice:
            labels = {"kubernetes.io/service-name": one.label} if one.label else {}
            conditions = {"ready": one.ready}
            endpoints = [{"addresses": [a], "conditions": conditions} for a in one.addresses]
            yield _object(
                "discovery.k8s.io/v1",
                "EndpointSlice",
                f"a-{i}",
                labels=labels,
                addressType="IPv4",
                ports=[port],
                endpoints=endpoints,
            )
        else:
            word = "addresses" if one.ready and one.addresses else "notReadyAddresses"
            subset = {word: [{"ip": ADDRESS}], "ports": [port]}
            yield _object("v1", "Endpoints", "a", subsets=[subset])


def _workloads(found: tuple[Workload, ...]) -> Iterator[Json]:
    for i, one in enumerate(found):
        if one.is_pod:
            port = {"containerPort": 9080, **({"name": one.port} if one.port else {})}
            status = {"phase": one.phase, **({"podIP": one.address} if one.address else {})}
            spec: Json = {"containers": [{"name": "a", "ports": [port]}]}
            labels = {"app": one.app}
            yield _object("v1", "Pod", f"a-{i}", labels=labels, spec=spec, status=status)
        else:
            where = {"address": one.address} if one.address else {"network": "far"}
            ports = {one.port: 9080} if one.port else {}
            spec = {**where, "labels": {"app": one.app}, "ports": ports}
            yield _object("networking.istio.io/v1", "WorkloadEntry", f"a-{i}", spec=spec)


@given(services)
@given_services
def test_a_destination_that_never_answers_is_named(found: Destination) -> None:
    reported = found_in(documents(found))

    kinds = {d.place.object.kind.name for d in reported if isinstance(d.place, FieldRef)}
    if not found.answers:
        assert kinds & {"Service", "EndpointSlice", "Endpoints"}, documents(found)


@given(services)
@given_services
def test_a_destination_that_answers_is_no_error(found: Destination) -> None:
    if found.answers:
        reported = found_in(documents(found))
        assert [d for d in reported if d.severity is Severity.ERROR] == []
