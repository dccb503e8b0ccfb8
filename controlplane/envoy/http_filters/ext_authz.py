"""``envoy.filters.http.ext_authz``: a provider decides the requests that are marked for it.

Source: envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto.
"""

from collections.abc import Iterable
from typing import Final, assert_never

from envoy.config.core.v3.base_pb2 import HeaderValue
from envoy.config.core.v3.config_source_pb2 import ApiVersion
from envoy.config.core.v3.http_uri_pb2 import HttpUri
from envoy.extensions.filters.http.ext_authz.v3.ext_authz_pb2 import (
    AuthorizationRequest,
    AuthorizationResponse,
    BufferSettings,
    CheckSettings,
    ExtAuthz,
    ExtAuthzPerRoute,
    HttpService,
)
from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from envoy.type.matcher.v3.string_pb2 import ListStringMatcher, StringMatcher
from envoy.type.v3.http_status_pb2 import HttpStatus
from google.protobuf.any_pb2 import Any as Packed

from controlplane.envoy.ext_authz import MARKS, grpc_service, marked, marking_rules
from controlplane.envoy.http_filters.rbac import NAME as RBAC_NAME
from controlplane.envoy.optional import opt
from controlplane.envoy.packing import packed
from controlplane.model.external_authorization import (
    CheckedBody,
    CustomRules,
    GrpcCheck,
    HeaderName,
    HttpCheck,
    Provider,
)
from controlplane.model.text import Exact, Prefix, Suffix

NAME: Final = "envoy.filters.http.ext_authz"


def http_ext_authz_filter(config: bytes) -> hcm.HttpFilter:
    """The filter with the configuration that ``http_ext_authz`` gives, encoded."""
    type_url = f"type.googleapis.com/{ExtAuthz.DESCRIPTOR.full_name}"
    return hcm.HttpFilter(name=NAME, typed_config=Packed(type_url=type_url, value=config))


def http_custom_rules(rules: CustomRules) -> RBAC:
    """The configuration of the filter before it, which marks the requests, or refuses them."""
    found = marking_rules(rules)
    if rules.refused is not None:
        return RBAC(rules=found)
    return RBAC(shadow_rules=found, shadow_rules_stat_prefix=MARKS)


def http_ext_authz(provider: Provider) -> ExtAuthz:
    """The filter that asks about the requests that are marked for the provider."""
    return _ext_authz(provider, marked(provider, RBAC_NAME))


def route_ext_authz(provider: Provider) -> hcm.HttpFilter:
    """The filter that asks about the requests of routes that switch it on."""
    config = packed(_ext_authz(provider, None))
    return hcm.HttpFilter(name=provider.name, typed_config=config, disabled=True)


def asked() -> ExtAuthzPerRoute:
    """What a route says to switch the filter on."""
    return ExtAuthzPerRoute(check_settings=CheckSettings())


def _ext_authz(provider: Provider, enabled: MetadataMatcher | None) -> ExtAuthz:
    check = provider.check
    return ExtAuthz(
        grpc_service=grpc_service(provider) if isinstance(check, GrpcCheck) else None,
        http_service=_http_service(provider, check) if isinstance(check, HttpCheck) else None,
        transport_api_version=ApiVersion.V3,
        failure_mode_allow=provider.fails_open,
        with_request_body=opt(_body, provider.body),
        status_on_error=opt(_status, provider.status_on_error),
        filter_enabled_metadata=enabled,
        allowed_headers=_names(check.sent),
    )


def _http_service(provider: Provider, check: HttpCheck) -> HttpService:
    added = [HeaderValue(key=key, value=value) for key, value in check.added]
    answers = check.to_upstream or check.to_refused or check.to_admitted
    return HttpService(
        server_uri=HttpUri(
            uri=f"http://{provider.host}",  # required, and not used
            cluster=provider.cluster,
            timeout=provider.timeout,
        ),
        path_prefix=check.path_prefix,
        authorization_request=AuthorizationRequest(headers_to_add=added) if added else None,
        authorization_response=_answer(check) if answers else None,
    )


def _answer(check: HttpCheck) -> AuthorizationResponse:
    return AuthorizationResponse(
        allowed_upstream_headers=_names(check.to_upstream),
        allowed_client_headers=_names(check.to_refused),
        allowed_client_headers_on_success=_names(check.to_admitted),
    )


def _names(names: Iterable[HeaderName]) -> ListStringMatcher | None:
    patterns = list(map(_name, names))
    return ListStringMatcher(patterns=patterns) if patterns else None


def _name(name: HeaderName) -> StringMatcher:
    match name:
        case Exact(text=text):
            return StringMatcher(exact=text, ignore_case=True)
        case Prefix(text=text):
            return StringMatcher(prefix=text, ignore_case=True)
        case Suffix(text=text):
            return StringMatcher(suffix=text, ignore_case=True)
    assert_never(name)


def _body(body: CheckedBody) -> BufferSettings:
    return BufferSettings(
        max_request_bytes=body.limit,
        allow_partial_message=body.may_be_partial,
        pack_as_bytes=body.is_bytes,
    )


def _status(status: int) -> HttpStatus:
    return HttpStatus(code=status)  # type: ignore[arg-type]  # one of Envoy's, as was checked
