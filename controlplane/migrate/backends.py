"""Destinations of a VirtualService as ``backendRefs``, and the ReferenceGrants that these need.

A Service is named with its namespace, the host of a ServiceEntry by Istio's kind ``Hostname``. The
port is always written, as Gateway API wants it.
Source: https://gateway-api.sigs.k8s.io/reference/spec/#backendref
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from itertools import count, repeat
from typing import Final

from controlplane.base.codes import NO_COUNTERPART, NOT_KNOWN_HERE
from controlplane.base.diagnostics import Report
from controlplane.base.hosts import short_name
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, Namespace
from controlplane.documents.yaml import Data
from controlplane.kinds.istio.virtual_service import Destination
from controlplane.migrate.meshes import Declared

GATEWAY_API: Final = "gateway.networking.k8s.io"
_MOST: Final = 16  # Services that one ReferenceGrant names


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """Routes of a kind and a namespace may refer to a Service of another."""

    to: Namespace
    from_: Namespace
    kind: str
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """``ref`` without its weight."""

    ref: Mapping[str, Data]
    grant: Grant | None = None


def backend(
    report: Report,
    at: FieldRef,
    destination: Destination,
    *,
    declared: Declared,
    owner: Namespace,
    kind: str = "HTTPRoute",
) -> Backend | None:
    """What a destination, whose host is complete, is called in a route of the namespace
    ``owner``.
    """
    if destination.subset:
        report.add(
            NO_COUNTERPART,
            at / "subset",
            f'Gateway API has no subsets, so none is "{destination.subset}"',
            hint="make a Service that selects the pods of the subset, and name that",
        )
        return None
    host = Host(destination.host)
    asked = destination.port.number if destination.port is not None else 0
    service = declared.services_by_host.get(host)
    if service is not None and service.spec.type == "ExternalName":
        report.add(
            NO_COUNTERPART, at / "host", "Gateway API refuses a Service of type ExternalName"
        )
        return None
    if service is not None:
        ports = tuple(port.port for port in service.spec.ports)
        port = _port(report, at, host, asked, ports)
        if port is None:
            return None
        return _service(service.name, service.namespace, port, owner, kind)
    entries = declared.entries_by_host.get(host, ())
    if not entries:
        report.add(
            NOT_KNOWN_HERE,
            at / "host",
            f'no Service and no ServiceEntry in these files has the host "{short_name(host)}"',
            hint="name the files that declare it, too",
        )
        return None
    numbers = tuple(dict.fromkeys(p.number for entry in entries for p in entry.spec.ports))
    port = _port(report, at, host, asked, numbers)
    if port is None:
        return None
    return Backend(
        ref={"group": "networking.istio.io", "kind": "Hostname", "name": host, "port": port}
    )


def _service(name: str, namespace: Namespace, port: int, owner: Namespace, kind: str) -> Backend:
    if namespace == owner:
        return Backend(ref={"name": name, "port": port})
    grant = Grant(namespace, owner, kind, name)
    return Backend(ref={"name": name, "namespace": namespace, "port": port}, grant=grant)


def _port(
    report: Report, at: FieldRef, host: Host, asked: int, ports: tuple[int, ...]
) -> int | None:
    """The port to write; Istio takes the only one of a service where none is given."""
    if asked in ports:
        return asked
    if not asked and len(ports) == 1:
        return ports[0]
    known = ", ".join(map(str, ports)) or "none"
    if asked:
        message = f"{short_name(host)} has no port {asked} (its ports: {known})"
        report.add(NOT_KNOWN_HERE, at / "port", message)
    else:
        message = f"the destination names no port, and {short_name(host)} has several: {known}"
        report.add(NOT_KNOWN_HERE, at, message, hint="write the port of the destination")
    return None


def reference_grants(
    grants: Iterable[Grant], taken: Container[tuple[Namespace, str]]
) -> list[dict[str, Data]]:
    """The objects that permit ``grants``, which are of one kind and from one namespace to another:
    one for each 16 Services, with names that are not ``taken``.
    """
    needed = sorted(set(grants))
    objects: list[dict[str, Data]] = []
    numbers = count(1)
    for first in range(0, len(needed), _MOST):
        some = needed[first : first + _MOST]
        name = next(n for n in map(_grant_name, repeat(some[0]), numbers) if n not in taken)
        objects.append(_reference_grant(name, some))
    return objects


def _grant_name(grant: Grant, number: int) -> tuple[Namespace, str]:
    return grant.to, f"{grant.kind.lower()}s-of-{grant.from_}" + (
        f"-{number}" if number > 1 else ""
    )


def _reference_grant(name: tuple[Namespace, str], grants: list[Grant]) -> dict[str, Data]:
    return {
        "apiVersion": f"{GATEWAY_API}/v1",
        "kind": "ReferenceGrant",
        "metadata": {"name": name[1], "namespace": name[0]},
        "spec": {
            "from": [{"group": GATEWAY_API, "kind": grants[0].kind, "namespace": grants[0].from_}],
            "to": [{"group": "", "kind": "Service", "name": grant.service} for grant in grants],
        },
    }
