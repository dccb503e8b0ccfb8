"""``externalAuth`` of a rule: a service decides its requests.

What it does not answer is refused. Source: https://gateway-api.sigs.k8s.io/geps/gep-1494/
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from hashlib import blake2s
from typing import Final

from controlplane.base.names import Host, PortNumber
from controlplane.kinds.gateway_api.http_filters import (
    ExternalAuthProtocol,
    GrpcAuthConfig,
    HttpAuthConfig,
    HttpExternalAuthFilter,
)
from controlplane.model.external_authorization import (
    CheckedBody,
    GrpcCheck,
    HeaderName,
    HttpCheck,
    Provider,
)
from controlplane.model.text import Exact, Prefix

TIMEOUT: Final = timedelta(seconds=10)
"""The API has no field for it."""
USUAL_ANSWERS: Final = (Prefix("x-"), Exact("authorization"), Exact("cookie"))
"""The headers of an answer that reach the backend where none are named. The API has all of them but
Host; those that describe the answer itself would break the request.
"""


def external_provider(spec: HttpExternalAuthFilter, host: Host) -> Provider:
    """The service that decides, and how it is asked; its name tells it from all others."""
    is_grpc = spec.protocol is ExternalAuthProtocol.GRPC
    limit = spec.forward_body.max_size if spec.forward_body is not None else 0
    found = Provider(
        name="",
        host=host,
        port=PortNumber(spec.backend_ref.port or 0),
        check=_grpc(spec.grpc) if is_grpc else _http(spec.http or HttpAuthConfig()),
        timeout=TIMEOUT,
        body=CheckedBody(limit=limit, is_bytes=is_grpc) if limit > 0 else None,
    )
    digest = blake2s(repr(found).encode(), digest_size=8).hexdigest()
    return replace(found, name=f"controlplane.external_auth.{digest}")


def _grpc(spec: GrpcAuthConfig | None) -> GrpcCheck:
    return GrpcCheck(sent=_names(spec.allowed_headers if spec is not None else ()))


def _http(spec: HttpAuthConfig) -> HttpCheck:
    return HttpCheck(
        path_prefix=spec.path,
        sent=_names(spec.allowed_headers),
        to_upstream=_names(spec.allowed_response_headers) or USUAL_ANSWERS,
    )


def _names(names: Iterable[str]) -> tuple[HeaderName, ...]:
    return tuple(Exact(name) for name in names)
