"""What requests are answered because of a mistake: ``requests to shop.example.com /reviews* get
503``.

The codes say the answer, the object that a diagnostic is about says to whom. Only that object is
read, so a consequence says what its own rule or server does; others may serve the same host.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from msgspec import structs

from controlplane.base import codes
from controlplane.base.diagnostics import Code, Diagnostic
from controlplane.base.hosts import short_name
from controlplane.base.locations import FieldRef, Step
from controlplane.base.names import Namespace
from controlplane.base.wording import first_of
from controlplane.kinds.core.endpoints import ENDPOINT_SLICE, ENDPOINTS, SERVICE_NAME_LABEL
from controlplane.kinds.core.service import SERVICE
from controlplane.kinds.gateway_api.backend_tls_policy import BACKEND_TLS_POLICY
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE, GrpcRoute
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE, HttpRoute as KubernetesHttpRoute
from controlplane.kinds.gateway_api.listener import Listener
from controlplane.kinds.gateway_api.listener_set import LISTENER_SET
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE, DestinationRule
from controlplane.kinds.istio.gateway import GATEWAY, Gateway, ServerTls
from controlplane.kinds.istio.service_entry import SERVICE_ENTRY
from controlplane.kinds.istio.virtual_service import (
    VIRTUAL_SERVICE,
    HttpMatch,
    HttpRoute,
    VirtualService,
)
from controlplane.kinds.object import Object, is_of


class Answer(Enum):
    """What Envoy answers where an object leads nowhere; the value ends the sentence."""

    UNAVAILABLE = "503"
    NOT_FOUND = "404"
    ERROR = "500"
    CLOSED = "closed"


ANSWERS: Final[Mapping[Code, Answer]] = MappingProxyType(
    {
        codes.UNKNOWN_HOST: Answer.UNAVAILABLE,
        codes.UNKNOWN_SUBSET: Answer.UNAVAILABLE,
        codes.UNKNOWN_PORT: Answer.UNAVAILABLE,
        codes.UNREACHABLE_FROM_GATEWAYS: Answer.UNAVAILABLE,
        codes.UNKNOWN_TARGET_PORT: Answer.UNAVAILABLE,
        codes.SERVICE_WITHOUT_ENDPOINTS: Answer.UNAVAILABLE,
        codes.SERVICE_IN_USE_WITHOUT_ENDPOINTS: Answer.UNAVAILABLE,
        codes.ENDPOINT_PORTS_DIFFER: Answer.UNAVAILABLE,
        codes.NO_USABLE_ENDPOINT: Answer.UNAVAILABLE,
        codes.SUBSET_WITHOUT_ENDPOINTS: Answer.UNAVAILABLE,
        codes.MTLS_CONTRADICTED: Answer.UNAVAILABLE,
        codes.UNKNOWN_GATEWAY: Answer.NOT_FOUND,
        codes.UNKNOWN_DELEGATE: Answer.NOT_FOUND,
        codes.ROUTE_REFUSED: Answer.NOT_FOUND,
        codes.HOST_NOT_SERVED: Answer.NOT_FOUND,
        codes.NOT_EXPORTED_TO_PROXIES: Answer.NOT_FOUND,
        codes.SERVER_CONFLICT: Answer.CLOSED,
        codes.SNI_TAKEN: Answer.CLOSED,
        codes.SNI_PARTIAL_WILDCARD: Answer.CLOSED,
        codes.SERVER_WITHOUT_ROUTE: Answer.CLOSED,
        codes.UNKNOWN_SECRET: Answer.CLOSED,
        codes.SECRET_INCOMPLETE: Answer.CLOSED,
        codes.SECRET_UNREADABLE: Answer.CLOSED,
        codes.KEY_MISMATCH: Answer.CLOSED,
        codes.CERTIFICATE_EXPIRED: Answer.CLOSED,
        codes.CERTIFICATE_NOT_YET_VALID: Answer.CLOSED,
        codes.KEY_UNSUPPORTED: Answer.CLOSED,
        codes.PIN_MALFORMED: Answer.CLOSED,
        codes.SECRET_NAME_SUFFIX: Answer.CLOSED,
        codes.BACKEND_AUTHORITIES: Answer.UNAVAILABLE,
        codes.LISTENER_PROTOCOL: Answer.CLOSED,
        codes.LISTENER_CERTIFICATE: Answer.CLOSED,
        codes.REFERENCE_NOT_GRANTED: Answer.CLOSED,
        codes.LISTENER_AUTHORITIES: Answer.CLOSED,
        codes.LISTENER_SET_NOT_ALLOWED: Answer.CLOSED,
        codes.GATEWAY_ADDRESS: Answer.CLOSED,
        codes.ROUTE_NOT_ATTACHED: Answer.NOT_FOUND,
        codes.PARENT_UNKNOWN: Answer.NOT_FOUND,
        codes.RULE_NOT_SERVED: Answer.NOT_FOUND,
        codes.MATCH_DROPPED: Answer.NOT_FOUND,
        codes.BACKEND_UNRESOLVED: Answer.ERROR,
        codes.BACKEND_NOT_PERMITTED: Answer.ERROR,
        codes.BACKEND_TRANSPORT: Answer.ERROR,
    }
)
"""Of the codes that are not here, none takes an answer away by itself."""

_SHOWN: Final = 3
_ANY: Final = HttpMatch()
_MIRRORS: Final = frozenset({"mirror", "mirrors"})


def consequence(declared: Object[Any] | None, found: Diagnostic) -> str | None:
    """What requests get because of ``found``; ``None`` where it takes no answer away, or its
    object, ``declared``, is not in force.
    """
    answer = ANSWERS.get(found.code)
    if answer is None or declared is None or not isinstance(found.place, FieldRef):
        return None
    path = found.place.path
    if is_of(declared, VIRTUAL_SERVICE):
        return _of_rule(declared.spec, path, answer)
    if is_of(declared, GATEWAY):
        return _of_server(declared.spec, path)
    if is_of(declared, KUBERNETES_GATEWAY) or is_of(declared, LISTENER_SET):
        return _of_listeners(declared.spec.listeners, path)
    if is_of(declared, HTTP_ROUTE) or is_of(declared, GRPC_ROUTE):
        return _of_route(declared.spec, path, answer)
    if is_of(declared, BACKEND_TLS_POLICY):
        named = tuple(dict.fromkeys(ref.name for ref in declared.spec.target_refs))
        return f"requests to {_hosts(named)} get {answer.value}"
    if is_of(declared, DESTINATION_RULE):
        return _of_destination_rule(declared, path)
    if is_of(declared, SERVICE) or is_of(declared, ENDPOINTS):
        return _of_service(declared.name, declared.namespace)
    if is_of(declared, ENDPOINT_SLICE) and SERVICE_NAME_LABEL in declared.labels:
        return _of_service(declared.labels[SERVICE_NAME_LABEL], declared.namespace)
    if is_of(declared, SERVICE_ENTRY):
        return f"requests to {_hosts(declared.spec.hosts)} get {answer.value}"
    return None


def _of_route(
    spec: KubernetesHttpRoute | GrpcRoute, path: tuple[Step, ...], answer: Answer
) -> str | None:
    to = _hosts(spec.hostnames) or "any host"
    match path[1:5]:
        case ("rules", int(), "filters", int()) if "requestMirror" in path:
            return None
        case ("rules", int(i), "backendRefs", int()):
            weights = [ref.weight for ref in spec.rules[i].backend_refs if ref.weight]
            share = "some requests" if len(weights) > 1 else "requests"
            return f"{share} to {to} get {answer.value}"
    return f"requests to {to} get {answer.value}"


def _of_rule(spec: VirtualService, path: tuple[Step, ...], answer: Answer) -> str | None:
    to = _hosts(spec.hosts) or "what is delegated here"
    match path[1:3]:
        case ("http", int(i)) if i < len(spec.http):
            rule = spec.http[i]
            if _MIRRORS.intersection(map(str, path[3:4])):
                return None
            share = "some requests" if _is_a_share(rule, path) else "requests"
            return f"{share} to {to}{_paths(rule.match)} get {answer.value}"
        case ("tcp" | "tls", int()):
            return f"connections to {to} are closed"
        case ("hosts", int(i)) if i < len(spec.hosts):
            return f"requests to {spec.hosts[i]} get {answer.value}"
        case ("gateways", int(i)) if i < len(spec.gateways):
            return f"requests to {to} get {answer.value} at gateway {spec.gateways[i]}"
        case ("exportTo", *_) | ():
            return f"requests to {to} get {answer.value}"
    return None


def _is_a_share(rule: HttpRoute, path: tuple[Step, ...]) -> bool:
    """Whether a rule's paths do not decide alone: it has weights, or conditions beside them."""
    weighted = path[3:4] == ("route",) and len(rule.route) > 1
    return weighted or any(structs.replace(match, uri=None) != _ANY for match in rule.match)


def _of_server(spec: Gateway, path: tuple[Step, ...]) -> str | None:
    match path[1:3]:
        case ("servers", int(i)) if i < len(spec.servers):
            server = spec.servers[i]
            if server.tls is not None and _is_one_of_two(server.tls, path):
                return None  # it presents the other certificate
            number = server.port.number if server.port is not None else 0
            return f"connections to port {number} for {_hosts(server.hosts)} are closed"
    return None


def _of_listeners(listeners: tuple[Listener, ...], path: tuple[Step, ...]) -> str | None:
    """What clients of one listener get, or of all where the place is in none."""
    match path[1:3]:
        case ("listeners", int(i)) if i < len(listeners):
            listener = listeners[i]
            named = listener.tls.certificate_refs if listener.tls is not None else ()
            if "certificateRefs" in path and len(named) > 1:
                return None  # it presents the other certificate
            host = listener.hostname or "any host"
            return f"connections to port {listener.port} for {host} are closed"
        case ("addresses" | "parentRef", *_):
            ports = sorted({listener.port for listener in listeners})
            return f"connections to port {first_of(list(map(str, ports)), _SHOWN)} are closed"
    return None


def _is_one_of_two(tls: ServerTls, path: tuple[Step, ...]) -> bool:
    return path[4:5] == ("credentialNames",) and len(tls.credential_names) > 1


def _of_destination_rule(rule: Object[DestinationRule], path: tuple[Step, ...]) -> str | None:
    host = short_name(rule.spec.host)
    match path[1:3]:
        case ("subsets", int(i)) if i < len(rule.spec.subsets):
            return f"requests to subset {rule.spec.subsets[i].name} of {host} get 503"
    return f"requests to {host} get 503"


def _of_service(name: str, namespace: Namespace) -> str:
    return f"requests to {name}.{namespace} get 503"


def _hosts(hosts: Iterable[str]) -> str:
    names = [host.rpartition("/")[2] for host in hosts]
    return first_of(["any host" if name == "*" else name for name in names], _SHOWN)


def _paths(matches: Iterable[HttpMatch]) -> str:
    """The paths of a rule's matches; nothing where it matches every path."""
    paths = list(dict.fromkeys(_path(match) for match in matches))
    return f" {first_of(paths, _SHOWN)}" if paths and "/*" not in paths else ""


def _path(match: HttpMatch) -> str:
    uri = match.uri
    if uri is None:
        return "/*"
    if uri.prefix is not None:
        return f"{uri.prefix}*"
    return uri.exact if uri.exact is not None else f"~{uri.regex}"
