"""Providers of MeshConfig ``extensionProviders`` become services that decide calls.

Source: Istio ``pilot/pkg/security/authz/builder/extauthz.go``,
``pilot/pkg/model/telemetry_logging.go`` (``LookupCluster``)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from controlplane.base.names import Host, Namespace, PortNumber
from controlplane.kinds.istio.extension_providers import (
    ExtensionProvider,
    GrpcAuthorization,
    HttpAuthorization,
    RequestBody,
)
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.external_authorization import (
    CheckedBody,
    GrpcCheck,
    HeaderName,
    HttpCheck,
    Provider,
)
from controlplane.model.text import Exact, Prefix, Suffix
from controlplane.translate.istio.durations import length

DEFAULT_TIMEOUT: Final = timedelta(seconds=600)  # extauthz.go, timeoutOrDefault


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderService:
    """The service of a provider: a whole host name, and the namespace that declares it, if the
    provider names one. A short name is not completed: it is nobody's host.
    """

    host: Host
    namespace: Namespace | None
    port: PortNumber


def declared_provider(mesh: MeshConfig, name: str) -> ExtensionProvider | None:
    """The last provider that has the name."""
    found = (each for each in reversed(mesh.extension_providers) if each.name == name)
    return next(found, None) if name else None


def authorization_of(declared: ExtensionProvider) -> HttpAuthorization | GrpcAuthorization | None:
    """What a provider says of authorization; ``None`` where it is for something else."""
    return declared.envoy_ext_authz_http or declared.envoy_ext_authz_grpc


def is_faulty(declared: ExtensionProvider) -> bool:
    """Whether it has lost its type by a fault."""
    return declared == ExtensionProvider(name=declared.name)


def provider_service(declared: HttpAuthorization | GrpcAuthorization) -> ProviderService:
    return written_service(declared.service, declared.port)


def written_service(written: str, port: int) -> ProviderService:
    """``HOST`` or ``NAMESPACE/HOST``."""
    namespace, slash, host = written.rpartition("/")
    return ProviderService(
        host=Host(host),
        namespace=Namespace(namespace) if slash else None,
        port=PortNumber(port),
    )


def provider(name: str, declared: HttpAuthorization | GrpcAuthorization) -> Provider:
    """How a provider is asked whose service exists. ``clearRouteCache`` has no effect in Istio."""
    service = provider_service(declared)
    timeout = length(declared.timeout)
    return Provider(
        name=name,
        host=service.host,
        port=service.port,
        check=_http(declared) if isinstance(declared, HttpAuthorization) else GrpcCheck(),
        timeout=DEFAULT_TIMEOUT if timeout is None else timeout,
        fails_open=declared.fail_open,
        status_on_error=int(declared.status_on_error) if declared.status_on_error else None,
        body=_body(declared.include_request_body_in_check),
    )


def _http(declared: HttpAuthorization) -> HttpCheck:
    sent = declared.include_request_headers_in_check or declared.include_headers_in_check
    return HttpCheck(
        path_prefix=declared.path_prefix,
        sent=_headers(sent),
        added=tuple(sorted(declared.include_additional_headers_in_check.items())),
        to_upstream=_headers(declared.headers_to_upstream_on_allow),
        to_refused=_headers(declared.headers_to_downstream_on_deny),
        to_admitted=_headers(declared.headers_to_downstream_on_allow),
    )


def _headers(written: Iterable[str]) -> tuple[HeaderName, ...]:
    return tuple(map(_header, written))


def _header(written: str) -> HeaderName:
    if written.startswith("*"):
        return Suffix(written[1:])
    if written.endswith("*"):
        return Prefix(written[:-1])
    return Exact(written)


def _body(declared: RequestBody | None) -> CheckedBody | None:
    if declared is None:
        return None
    return CheckedBody(
        limit=declared.max_request_bytes,
        may_be_partial=declared.allow_partial_message,
        is_bytes=declared.pack_as_bytes,
    )
