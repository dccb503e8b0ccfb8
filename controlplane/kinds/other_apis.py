"""Words of other APIs in place of a field's: Istio's and Ingress's in objects of the Gateway API,
and the Gateway API's in Istio's.
"""

from collections.abc import Collection, Mapping
from typing import Final

from controlplane.base.names import Kind
from controlplane.base.nearest import nearest
from controlplane.kinds.gateway_api.versions import GATEWAY_API, GATEWAY_API_X

_GATEWAY_API: Final = (GATEWAY_API, GATEWAY_API_X)
_RENAMED: Final[Mapping[str, tuple[str, ...]]] = {
    "className": ("gatewayClassName",),
    "code": ("statusCode",),
    "controller": ("controllerName",),
    "host": ("hostname", "hostnames", "name"),
    "hosts": ("hostnames",),
    "http": ("rules",),
    "ingressClassName": ("gatewayClassName",),
    "match": ("matches",),
    "queryParameters": ("queryParams",),
    "redirectCode": ("statusCode",),
    "replacePrefix": ("replacePrefixMatch",),
    "retries": ("retry",),
    "service": ("name",),
    "serviceName": ("name",),
    "servicePort": ("port",),
    "sni": ("hostname",),
    "sniHosts": ("hostnames",),
}
"""Words for fields of the Gateway API that hold much the same: the first of these that the mapping
has.
"""
_IN_PLACE: Final[Mapping[str, tuple[str, ...]]] = {
    "corsPolicy": ("filters",),
    "credentialName": ("certificateRefs", "caCertificateRefs"),
    "destination": ("name",),
    "gateways": ("parentRefs",),
    "hosts": ("hostname",),
    "mirror": ("filters",),
    "redirect": ("filters",),
    "rewrite": ("filters",),
    "route": ("backendRefs",),
    "secretName": ("certificateRefs",),
    "servers": ("listeners",),
    "timeout": ("timeouts",),
    "uri": ("path",),
}
"""Words, and the fields of the Gateway API that say it in another form."""
_OF_ISTIO: Final[Mapping[str, tuple[str, ...]]] = {
    "backendRefs": ("route",),
    "certificateRefs": ("credentialName",),
    "hostname": ("hosts",),
    "hostnames": ("hosts",),
    "listeners": ("servers",),
    "matches": ("match",),
    "parentRefs": ("gateways",),
    "path": ("uri",),
    "rules": ("http",),
}
"""Words of the Gateway API, and the fields of Istio's that say it in another form."""
_NONE: Final = "the Gateway API has none: keep a VirtualService for it"
_HERE: Final = "remove it: a policy is for what its own namespace has"
_PORT: Final = "write sectionName: NAME, with the name of the port"
_CALLS: Final = "a GRPCRoute has none: an HTTPRoute for the path /PACKAGE.SERVICE/METHOD has"
_SUBSET: Final = "make the subset a Service of its own, and name that"
_WHATEVER: Final = "remove it: the route takes whatever its listener does"
_BY_NAME: Final = "remove it: a TLSRoute is chosen by its hostnames alone"
_ADVICE: Final[Mapping[tuple[str, str], str]] = {
    ("BackendTLSPolicy", "mode"): "remove it: a policy always begins TLS",
    ("BackendTLSPolicy", "namespace"): _HERE,
    ("BackendTLSPolicy", "port"): _PORT,
    ("GRPCRoute", "retries"): _CALLS,
    ("GRPCRoute", "retry"): _CALLS,
    ("GRPCRoute", "subset"): _SUBSET,
    ("GRPCRoute", "timeout"): _CALLS,
    ("GRPCRoute", "timeouts"): _CALLS,
    ("Gateway", "selector"): "remove it: the Gateway has a proxy of its own, or names a Service by "
    "addresses: [{type: Hostname, value: SERVICE}]",
    ("HTTPRoute", "delegate"): _NONE,
    ("HTTPRoute", "directResponse"): _NONE,
    ("HTTPRoute", "fault"): _NONE,
    ("HTTPRoute", "methods"): "write a match for each method, as in method: GET",
    ("HTTPRoute", "perTryTimeout"): "the rule says that in timeouts: {backendRequest: 2s}",
    ("HTTPRoute", "retryOn"): "write codes: [503]; connections that break are tried again anyway",
    ("HTTPRoute", "subset"): _SUBSET,
    ("ListenerSet", "gatewayClassName"): "remove it: the class is that of the Gateway",
    ("ReferenceGrant", "namespace"): "remove it: a grant is for what its own namespace has",
    ("TCPRoute", "filters"): _WHATEVER,
    ("TCPRoute", "hostnames"): _WHATEVER,
    ("TCPRoute", "matches"): _WHATEVER,
    ("TCPRoute", "subset"): _SUBSET,
    ("TLSRoute", "match"): _BY_NAME,
    ("TLSRoute", "matches"): _BY_NAME,
    ("TLSRoute", "subset"): _SUBSET,
    ("UDPRoute", "filters"): _WHATEVER,
    ("UDPRoute", "hostnames"): _WHATEVER,
    ("UDPRoute", "matches"): _WHATEVER,
    ("XBackendTrafficPolicy", "namespace"): _HERE,
    ("XBackendTrafficPolicy", "port"): _PORT,
}
"""By kind of the Gateway API and field that it does not have: what to do instead."""


def is_of_gateway_api(kind: Kind) -> bool:
    return kind.group in _GATEWAY_API


def renamed(name: str, fields: Collection[str], kind: Kind) -> str | None:
    """The field that ``name`` is a slip for, or another API's word for."""
    near = nearest(name, fields)
    if near is not None or not is_of_gateway_api(kind):
        return near
    return next((word for word in _RENAMED.get(name, ()) if word in fields), None)


def in_place(name: str, fields: Collection[str], kind: Kind) -> str | None:
    """The field that says in another form what ``name`` says in another API."""
    words = _IN_PLACE if is_of_gateway_api(kind) else _OF_ISTIO
    return next((word for word in words.get(name, ()) if word in fields), None)


def advice(name: str, kind: Kind) -> str | None:
    """What to do about a field that the kind has no counterpart of."""
    return _ADVICE.get((kind.name, name)) if is_of_gateway_api(kind) else None
