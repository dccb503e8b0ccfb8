"""One object as Kubernetes would show it: what was accepted last, and its status.

What is secret is not shown: the data of Secrets, and private keys wherever they are.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.documents.document import CLUSTER_WIDE, RawObject
from controlplane.envoy.redact import HIDDEN
from controlplane.kinds.core.configuration import SECRET
from controlplane.queries.analysis.object_status import WITH_STATUS
from controlplane.serve.status_value import Json

PRIVATE_KEY: Final = "PRIVATE KEY-----"
_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
"""The annotation in which ``kubectl`` keeps a copy of an object, with its data."""
_DATA: Final = ("data", "stringData")
SHORT: Final[Mapping[str, str]] = {
    "cm": "ConfigMap",
    "dr": "DestinationRule",
    "ef": "EnvoyFilter",
    "ep": "Endpoints",
    "gc": "GatewayClass",
    "gtw": "Gateway",
    "gw": "Gateway",
    "lset": "ListenerSet",
    "ns": "Namespace",
    "pa": "PeerAuthentication",
    "refgrant": "ReferenceGrant",
    "ra": "RequestAuthentication",
    "se": "ServiceEntry",
    "svc": "Service",
    "vs": "VirtualService",
    "we": "WorkloadEntry",
    "wg": "WorkloadGroup",
    "btlspolicy": "BackendTLSPolicy",
    "xbtrafficpolicy": "XBackendTrafficPolicy",
}
"""The short names of ``kubectl``."""


def meant_kinds(text: str, kinds: Iterable[Kind]) -> tuple[Kind, ...]:
    """The kinds of ``kinds`` that ``text`` means: a name in any case, in the singular or plural, or
    a short one, and after a dot the API group where two kinds share a name.
    """
    name, _, group = text.partition(".")
    name = SHORT.get(name.lower(), name).lower()
    return tuple(
        kind
        for kind in sorted(set(kinds))
        if name in _names(kind) and (not group or group in (kind.group, f"v1.{kind.group}"))
    )


def _names(kind: Kind) -> tuple[str, ...]:
    name = kind.name.lower()
    plural = f"{name[:-1]}ies" if name.endswith("y") else f"{name}es"
    return (name, f"{name}s", plural)


def key_for(kind: Kind, namespace: str, name: str) -> ObjectKey:
    """The key of an object; cluster-wide kinds have no namespace."""
    return ObjectKey(kind, Namespace("" if kind in CLUSTER_WIDE else namespace), name)


def manifest(raw: RawObject, status: Json | None, generation: int) -> Json:
    """``raw`` with ``status``; ``generation`` is 0 where it is not counted. A status that is
    written in a file counts for kinds without one of ours.
    """
    metadata = raw.body.get("metadata")
    written = dict(metadata) if isinstance(metadata, Mapping) else {}
    if raw.key.namespace:
        written["namespace"] = raw.key.namespace
    if generation:
        written["generation"] = generation
    body: dict[str, object] = {**raw.body, "metadata": written}
    if raw.key.kind in WITH_STATUS:
        body.pop("status", None)
    if status is not None:
        body["status"] = status
    return _of_secret(body) if raw.key.kind == SECRET else _without_keys(body)


def _of_secret(body: Mapping[str, object]) -> Json:
    hidden = {
        field: dict.fromkeys(value, HIDDEN)
        for field in _DATA
        if isinstance(value := body.get(field), Mapping)
    }
    metadata = body["metadata"]
    assert isinstance(metadata, Mapping), "an object has it"
    annotations = metadata.get("annotations")
    if isinstance(annotations, Mapping):
        kept = {name: value for name, value in annotations.items() if name != _APPLIED}
        metadata = {**metadata, "annotations": kept}
    return {**_without_keys(body), "metadata": metadata, **hidden}


def _without_keys(body: Mapping[str, object]) -> Json:
    return {name: _hidden(value) for name, value in body.items()}


def _hidden(value: object) -> object:
    match value:
        case str():
            return HIDDEN if PRIVATE_KEY in value else value
        case Mapping():
            return {name: _hidden(each) for name, each in value.items()}
        case list():
            return [_hidden(each) for each in value]
    return value


def sorted_value(value: object) -> object:
    """``value`` with the keys of all mappings sorted, as ``kubectl`` prints them."""
    match value:
        case Mapping():
            return {name: sorted_value(value[name]) for name in sorted(value, key=str)}
        case list() | tuple():
            return [sorted_value(each) for each in value]
    return value
