"""What a proxy's clusters expect of the TLS of their endpoints, read from what the proxy was sent.

Only clusters that use TLS to every endpoint are considered, which is what a DestinationRule's
``tls`` asks for. Source: envoy/extensions/transport_sockets/tls/v3/tls.proto.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import DataSource, TransportSocket
from envoy.config.endpoint.v3.endpoint_pb2 import ClusterLoadAssignment
from envoy.extensions.transport_sockets.proxy_protocol.v3.upstream_proxy_protocol_pb2 import (
    ProxyProtocolUpstreamTransport,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import UpstreamTlsContext
from envoy.extensions.upstreams.http.v3.http_protocol_options_pb2 import HttpProtocolOptions
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message

from controlplane.base.addresses import Address
from controlplane.base.shelf import Shelf
from controlplane.envoy.resource import Resource, TypeUrl, packed
from controlplane.model.tls import TRUST_BUNDLE, WORKLOAD_CERTIFICATE

_SPEAKS_TLS: Final = UpstreamTlsContext.DESCRIPTOR.full_name.encode()
_HTTP: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


class Mode(Enum):
    """The mode of the DestinationRule that leads to such a cluster."""

    SIMPLE = "SIMPLE"
    MUTUAL = "MUTUAL"
    ISTIO_MUTUAL = "ISTIO_MUTUAL"


@dataclass(frozen=True, slots=True)
class InFile:
    """A path on the proxy's machine."""

    path: str


Pem = bytes | InFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """The authorities that an endpoint's certificate must come from; ``name`` is the secret's."""

    name: str
    authorities: Pem
    revoked: Pem = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The certificate that the proxy shows, and its key. ``name`` is the secret's."""

    name: str
    chain: Pem
    key: Pem

    def __repr__(self) -> str:
        return f"Shown({self.name})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What one cluster expects.

    ``sni`` is empty where none is sent. One of ``names`` must be proven; none: any will do. Without
    ``trusted`` nothing is verified. ``missing`` names secrets that the proxy was not sent: it does
    not connect without them.
    """

    cluster: str
    host: str
    mode: Mode
    sni: str
    names: tuple[str, ...]
    trusted: Trusted | None
    shown: Shown | None
    protocols: tuple[str, ...]
    endpoints: tuple[Address, ...]
    missing: tuple[str, ...]


Shelves = Mapping[TypeUrl, Shelf[Resource]]


def expectations(
    shelves: Shelves, own: Mapping[str, Resource]
) -> Iterator[tuple[Resource, Expectation]]:
    """Each cluster that speaks TLS, with what it expects; ``own`` are the proxy's own secrets."""
    for _, resource in sorted(_shelf(shelves, TypeUrl.CLUSTER).items()):
        if _SPEAKS_TLS not in resource.any:  # most do not, and decoding takes longer than looking
            continue
        cluster = Cluster.FromString(packed(resource).value)
        context = _context(cluster.transport_socket)
        if context is not None:
            yield resource, _expectation(cluster, context, shelves, own)


def _shelf(shelves: Shelves, type_url: TypeUrl) -> Mapping[str, Resource]:
    nothing: Mapping[str, Resource] = {}
    return shelves.get(type_url, nothing)


def _is(config: AnyMessage, message: type[Message]) -> bool:
    return config.type_url.rpartition("/")[2] == message.DESCRIPTOR.full_name


def _context(socket: TransportSocket) -> UpstreamTlsContext | None:
    config = socket.typed_config
    if _is(config, ProxyProtocolUpstreamTransport):
        announced = ProxyProtocolUpstreamTransport.FromString(config.value)
        return _context(announced.transport_socket)
    if _is(config, UpstreamTlsContext):
        return UpstreamTlsContext.FromString(config.value)
    return None


def _expectation(
    cluster: Cluster, context: UpstreamTlsContext, shelves: Shelves, own: Mapping[str, Resource]
) -> Expectation:
    host = cluster.name.rpartition("|")[2]
    common = context.common_tls_context
    combined = common.combined_validation_context
    certificate = next((c.name for c in common.tls_certificate_sds_secret_configs), None)
    trust = combined.validation_context_sds_secret_config.name or None
    secrets = {name: _secret(name, shelves, own) for name in (certificate, trust) if name}
    options = HttpProtocolOptions()
    if _HTTP in cluster.typed_extension_protocol_options:
        cluster.typed_extension_protocol_options[_HTTP].Unpack(options)
    http = options.upstream_http_protocol_options
    names = [m.exact for m in combined.default_validation_context.match_subject_alt_names]
    return Expectation(
        cluster=cluster.name,
        host=host,
        mode=_mode(certificate),
        sni=context.sni or (host if http.auto_sni else ""),
        names=tuple(names) or ((host,) if http.auto_san_validation else ()),
        trusted=_trusted(trust, secrets),
        shown=_shown(certificate, secrets),
        protocols=tuple(common.alpn_protocols),
        endpoints=tuple(sorted(set(_endpoints(cluster, shelves)))),
        missing=tuple(name for name, secret in secrets.items() if secret is None),
    )


def _mode(certificate: str | None) -> Mode:
    if certificate is None:
        return Mode.SIMPLE
    return Mode.ISTIO_MUTUAL if certificate == WORKLOAD_CERTIFICATE else Mode.MUTUAL


def _secret(name: str, shelves: Shelves, own: Mapping[str, Resource]) -> Secret | None:
    is_own = name in (WORKLOAD_CERTIFICATE, TRUST_BUNDLE)
    found = (own if is_own else _shelf(shelves, TypeUrl.SECRET)).get(name)
    return None if found is None else Secret.FromString(packed(found).value)


def _trusted(name: str | None, secrets: Mapping[str, Secret | None]) -> Trusted | None:
    secret = secrets.get(name or "")
    if name is None or secret is None:
        return None
    context = secret.validation_context
    return Trusted(name=name, authorities=_pem(context.trusted_ca), revoked=_pem(context.crl))


def _shown(name: str | None, secrets: Mapping[str, Secret | None]) -> Shown | None:
    secret = secrets.get(name or "")
    if name is None or secret is None:
        return None
    pair = secret.tls_certificate
    return Shown(name=name, chain=_pem(pair.certificate_chain), key=_pem(pair.private_key))


def _pem(source: DataSource) -> Pem:
    return InFile(source.filename) if source.filename else source.inline_bytes


def _endpoints(cluster: Cluster, shelves: Shelves) -> Iterator[Address]:
    assignment = cluster.load_assignment
    if cluster.type == Cluster.EDS:
        name = cluster.eds_cluster_config.service_name or cluster.name
        endpoints = _shelf(shelves, TypeUrl.ENDPOINT)
        if name not in endpoints:
            return
        assignment = ClusterLoadAssignment.FromString(packed(endpoints[name]).value)
    for locality in assignment.endpoints:
        for found in locality.lb_endpoints:
            address = found.endpoint.address.socket_address
            if address.address:
                yield Address(address.address, address.port_value)
