"""Whether a secret that an object names exists where the proxies are that will ask for it.

A proxy reads secrets of its own namespace. Connected proxies say where that is; without one, likely
namespaces are looked in, and a secret that is in none of them but elsewhere is only warned of.
"""

from collections.abc import Iterator

from controlplane.base.codes import SECRET_IN_OTHER_NAMESPACE, UNKNOWN_SECRET
from controlplane.base.diagnostics import Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace, ObjectKey
from controlplane.graph import Graph
from controlplane.kinds.core.configuration import CONFIG_MAP, SECRET, ConfigMap, Secret
from controlplane.kinds.object import Object
from controlplane.model.tls import CA_SUFFIX
from controlplane.queries.analysis.homes import Homes
from controlplane.queries.analysis.near_names import near_object, report_refused
from controlplane.queries.inputs.objects import index
from controlplane.queries.registry.credentials import (
    Credential,
    credential_faults,
    credential_of,
    holder,
)


@index(SECRET, CONFIG_MAP)
def secrets_of_name(secret: Object[Secret | ConfigMap]) -> Iterator[tuple[str, ObjectKey]]:
    yield secret.name, secret.key


def found_credentials(
    graph: Graph, report: Report, homes: Homes, place: FieldRef, name: str, *, consequence: str
) -> list[Credential]:
    """The credentials that ``name`` means to the proxies, looked at; reports where it means none.

    ``consequence`` ends the sentence: ``this server closes every connection``.
    """
    if "://" not in name or name.startswith("invalid://"):
        return []
    meant = [(ns, credential_of(name, ns)) for ns in homes.namespaces]
    held = [(ns, c) for ns, c in meant if c is not None and holder(graph, c) is not None]
    credentials = [c for _, c in held if c is not None]
    for credential in credentials:
        report.diagnostics.extend(credential_faults(graph, credential))
    if not held or (homes.every and len(held) < len(meant)):
        served = [ns for ns, c in meant if c is not None] or homes.namespaces
        without = [ns for ns in served if ns not in dict(held)]
        _report_missing(graph, report, homes, place, name, without, consequence)
    return credentials


def _report_missing(
    graph: Graph,
    report: Report,
    homes: Homes,
    place: FieldRef,
    name: str,
    without: list[Namespace],
    consequence: str,
) -> None:
    plain = name.rpartition("/")[2].removesuffix(CA_SUFFIX)
    meant = (ObjectKey(SECRET, namespace, plain) for namespace in without)
    if any(report_refused(report, UNKNOWN_SECRET, place, graph, key) for key in meant):
        return
    elsewhere = secrets_of_name(graph, plain)
    related = tuple(
        Related(place=FieldRef(k), message=f"{k.display_name} has that name") for k in elsewhere
    )
    if elsewhere and not homes.certain:
        report.add(
            SECRET_IN_OTHER_NAMESPACE,
            place,
            f'"{plain}" is in {", ".join(k.namespace for k in elsewhere)}; a proxy reads secrets '
            "of its own namespace only",
            hint=f"run the gateway's proxies there, or copy it to {without[0]}",
            related=related,
        )
        return
    why = "where its proxies are" if homes.certain else "(no proxy is connected)"
    report.add(
        UNKNOWN_SECRET,
        place,
        f'secret "{plain}" does not exist in {", ".join(without)} {why}, so {consequence}',
        hint=_step(graph, without, plain, name),
        related=related,
    )


def _step(graph: Graph, namespaces: list[Namespace], plain: str, name: str) -> str:
    for namespace in namespaces:
        near = near_object(graph, SECRET, namespace, plain)
        if near is not None:
            return f"write {near.name}{CA_SUFFIX if name.endswith(CA_SUFFIX) else ''}"
    return f"create Secret {namespaces[0]}/{plain}"
