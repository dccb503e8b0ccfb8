"""Where a gateway presents a Secret's certificate, read from what it was sent, and whether it does.

Source: envoy/config/listener/v3/listener.proto,
envoy/extensions/transport_sockets/tls/v3/tls.proto.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext

from controlplane.admin.tls import Certificate, ProbeResult
from controlplane.base.addresses import Address
from controlplane.base.names import Namespace
from controlplane.envoy.resource import TypeUrl, packed
from controlplane.model.proxy import Proxy
from controlplane.queries.registry.credentials import credential_of
from controlplane.tls.expectation import Expectation, Mode, Shelves
from controlplane.tls.handshake import Failed, Fault, Presented

_SPEAKS_TLS: Final = DownstreamTlsContext.DESCRIPTOR.full_name.encode()
_ANYWHERE: Final = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateProbe:
    """A filter chain of ``proxy`` that presents one of the ``objects``,
    ``Secret/namespace/name``.
    """

    proxy: str
    objects: tuple[str, ...]
    at: Address
    server_name: str

    @property
    def expectation(self) -> Expectation:
        """How to perform the handshake: whatever answers, only its certificate is looked at."""
        return Expectation(
            cluster="",
            host=self.server_name,
            mode=Mode.SIMPLE,
            sni=self.server_name,
            names=(),
            trusted=None,
            shown=None,
            protocols=("h2", "http/1.1"),
            endpoints=(self.at,),
            missing=(),
        )


def certificate_probes(proxy: Proxy, shelves: Shelves) -> Iterator[CertificateProbe]:
    """One probe for each chain that shows certificates of Secrets."""
    listeners = shelves.get(TypeUrl.LISTENER)
    for _, resource in sorted(listeners.items()) if listeners is not None else ():
        if _SPEAKS_TLS not in resource.any:
            continue
        listener = Listener.FromString(packed(resource).value)
        address = listener.address.socket_address
        host = proxy.addresses[0] if address.address in _ANYWHERE else address.address
        for chain in listener.filter_chains:
            objects = tuple(_objects(chain, proxy.namespace))
            if objects and host:
                yield CertificateProbe(
                    proxy=f"{proxy.name}.{proxy.namespace}",
                    objects=objects,
                    at=Address(host, address.port_value),
                    server_name=_server_name(chain),
                )


def probe_result(
    probe: CertificateProbe, expected: tuple[Certificate, ...], found: Presented | Failed | None
) -> ProbeResult:
    good, message = _judged(expected, found)
    return ProbeResult(
        proxy=probe.proxy,
        address=str(probe.at),
        server_name=probe.server_name,
        good=good,
        message=message,
    )


def _judged(
    expected: tuple[Certificate, ...], found: Presented | Failed | None
) -> tuple[bool | None, str]:
    match found:
        case None:
            return None, "could not be reached in time"
        case Failed(fault=Fault.UNREACHABLE | Fault.SILENT | Fault.UNKNOWN_NAME, words=words):
            return None, f"could not be reached from here: {words}"
        case Failed(words=words):
            return False, f"closes the connection: {words}"
        case Presented(chain=()):
            return False, "presents no certificate"
        case Presented(chain=chain) if chain[0] in expected:
            return True, "presents this certificate"
        case Presented(chain=chain):
            return (
                False,
                f"presents another: {chain[0].subject}, until {chain[0].ends:%Y-%m-%d %H:%M}",
            )


def _objects(chain: FilterChain, namespace: Namespace) -> Iterator[str]:
    config = chain.transport_socket.typed_config
    if config.type_url.rpartition("/")[2] != DownstreamTlsContext.DESCRIPTOR.full_name:
        return
    context = DownstreamTlsContext.FromString(config.value).common_tls_context
    for secret in context.tls_certificate_sds_secret_configs:
        credential = credential_of(secret.name, namespace)
        if credential is not None:
            yield str(credential.object)


def _server_name(chain: FilterChain) -> str:
    """One that the chain is chosen by; empty where any is."""
    names = chain.filter_chain_match.server_names
    return names[0].replace("*", "any", 1) if names else ""
