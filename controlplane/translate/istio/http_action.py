"""What an HTTP rule does with a request: forward it, redirect it, or answer it.

Source: https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from controlplane.base.base64 import decoded
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.kinds.istio.virtual_service import (
    Destination,
    HttpBody,
    HttpDirectResponse,
    HttpRedirect,
    HttpRetry,
    HttpRewrite,
    HttpRoute,
    HttpRouteDestination,
    MirrorPolicy,
    Percent,
    RedirectPort,
)
from controlplane.model.http_policy import NO_CHANGES, HeaderChanges
from controlplane.model.routing import (
    Action,
    ForwardTo,
    Mirror,
    PathRewrite,
    RedirectTo,
    ReplacePath,
    ReplacePrefix,
    ReplaceRegex,
    Respond,
    WeightedCluster,
)
from controlplane.translate.istio.durations import length
from controlplane.translate.istio.http_headers import authority, header_changes
from controlplane.translate.istio.http_policy import MILLION, parts_per_million
from controlplane.translate.istio.http_retry import retry_policy
from controlplane.translate.route_target import Origins, RouteTarget

REDIRECTS: Final = (301, 302, 303, 307, 308)
"""The codes that Envoy can send. Istio's admission accepts every 3xx."""
CANNOT_REDIRECT: Final = Respond(status=500)
"""What a redirect with another code answers: it must neither reach a backend nor cost other routes.
"""
DEFAULT_PORTS: Final = (("http", 80), ("https", 443))
MAX_STATUS: Final = 599  # envoy/config/route/v3/route_components.proto (DirectResponseAction)


Targets = Callable[[Destination], RouteTarget]


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What holds for every route. ``retries`` of ``None`` is Istio's own policy.

    ``names_objects``: each route names its VirtualService in its metadata.
    """

    retries: HttpRetry | None = None
    appends_forwarded_host: bool = False
    tells_attempt: bool = True
    names_objects: bool = True


def redirect(spec: HttpRedirect, *, port: int, https: bool) -> RedirectTo | Respond:
    """The redirect as seen on a server's declared ``port``; ``https``: clients speak TLS to it."""
    status = spec.redirect_code or 301
    if status not in REDIRECTS:
        return CANNOT_REDIRECT
    return RedirectTo(
        status=status,
        scheme=spec.scheme or None,
        host=spec.authority or None,
        port=_redirect_port(spec, port=port, https=https),
        path=_redirect_path(spec),
    )


def _redirect_port(spec: HttpRedirect, *, port: int, https: bool) -> int | None:
    """The port to name in the location; none where it is the scheme's own."""
    wanted = port if spec.derive_port is RedirectPort.FROM_REQUEST_PORT else spec.port
    scheme = spec.scheme or ("https" if https else "http")
    return None if (scheme, wanted) in DEFAULT_PORTS else wanted


def _redirect_path(spec: HttpRedirect) -> ReplacePath | ReplacePrefix | None:
    if spec.prefix_rewrite:
        return ReplacePrefix(text=spec.prefix_rewrite)
    return ReplacePath(text=spec.uri) if spec.uri else None


def direct_response(spec: HttpDirectResponse) -> Respond:
    """The answer; 600, which Istio accepts and Envoy does not, becomes 599."""
    return Respond(status=min(spec.status, MAX_STATUS), body=_body(spec.body))


def _body(body: HttpBody | None) -> bytes:
    """Text, or bytes written in base64."""
    if body is None:
        return b""
    if body.bytes is not None:
        return decoded(body.bytes) or b""
    return (body.string or "").encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """An action, and the header changes of a single destination, which are made by the route.

    ``described`` is the one backend; ``None`` where there is none or several.
    """

    action: Action
    request_headers: HeaderChanges = NO_CHANGES
    response_headers: HeaderChanges = NO_CHANGES
    described: str | None = None
    origins: Origins = ()
    """What made it besides the rule: settings of the mesh, policies of the destinations."""


def forwarding(rule: HttpRoute, targets: Targets, defaults: Defaults) -> Done:
    """Where the rule's requests go. A single destination gets everything, whatever its weight.
    Among several, those of weight 0 get nothing.
    """
    host = _host_rewrite(rule)
    single = rule.route[0] if len(rule.route) == 1 else None
    clusters, used = _target(rule, targets)
    retries = defaults.retries if rule.retries is None else rule.retries
    hashing = tuple(policy for target in used for policy in target.hash_policies)
    changes = single.headers if single is not None else None
    return Done(
        action=ForwardTo(
            target=clusters,
            timeout=length(rule.timeout),
            retry=retry_policy(retries, sticky=single is not None and bool(hashing)),
            path_rewrite=_path_rewrite(rule.rewrite) if rule.rewrite else None,
            host_rewrite=host or (authority(changes.request) if changes else None),
            appends_forwarded_host=rule.rewrite is not None and defaults.appends_forwarded_host,
            mirrors=tuple(_mirrors(rule, targets)),
            hash_policies=hashing,
            offer=used[0].offer if single is not None else None,
        ),
        request_headers=header_changes(changes.request if changes else None),
        response_headers=header_changes(changes.response if changes else None),
        described=used[0].described if single is not None else None,
        origins=(
            *_settings_used(rule, defaults),
            *dict.fromkeys(origin for target in used for origin in target.origins),
        ),
    )


def _settings_used(rule: HttpRoute, defaults: Defaults) -> Iterator[FieldRef]:
    """The settings of MeshConfig that bear on what the rule forwards."""
    if rule.retries is None and defaults.retries is not None:
        yield FieldRef(MESH_CONFIG_KEY, ("defaultHttpRetryPolicy",))
    if rule.rewrite is not None and defaults.appends_forwarded_host:
        yield FieldRef(MESH_CONFIG_KEY, ("defaultConfig", "proxyHeaders", "xForwardedHost"))


def _target(
    rule: HttpRoute, targets: Targets
) -> tuple[str | tuple[WeightedCluster, ...], tuple[RouteTarget, ...]]:
    """The cluster or clusters, and the targets that they are of."""
    if len(rule.route) == 1:
        target = targets(rule.route[0].destination or Destination())
        return target.cluster, (target,)
    shares = [share for share in rule.route if share.weight > 0]
    used = tuple(targets(share.destination or Destination()) for share in shares)
    pairs = zip(shares, used, strict=True)
    return tuple(_weighted(share, target) for share, target in pairs), used


def _weighted(share: HttpRouteDestination, target: RouteTarget) -> WeightedCluster:
    headers = share.headers
    return WeightedCluster(
        cluster=target.cluster,
        weight=share.weight,
        host_rewrite=authority(headers.request) if headers else None,
        request_headers=header_changes(headers.request if headers else None),
        response_headers=header_changes(headers.response if headers else None),
        offer=target.offer,
    )


def _host_rewrite(rule: HttpRoute) -> str | None:
    """``rewrite.authority``, or a ``host`` that the rule's headers set."""
    if rule.rewrite is not None and rule.rewrite.authority:
        return rule.rewrite.authority
    return authority(rule.headers.request) if rule.headers is not None else None


def _path_rewrite(rewrite: HttpRewrite) -> PathRewrite | None:
    regex = rewrite.uri_regex_rewrite
    if regex is not None:
        return ReplaceRegex(pattern=regex.match, substitution=regex.rewrite)
    return ReplacePrefix(text=rewrite.uri) if rewrite.uri else None


def _mirrors(rule: HttpRoute, targets: Targets) -> Iterator[Mirror]:
    """Copies of the request; one whose share is given as 0 is none."""
    for mirror in _mirror_policies(rule):
        share = parts_per_million(mirror.percentage) if mirror.percentage else MILLION
        if mirror.destination is not None and share:
            cluster = targets(mirror.destination).cluster
            yield Mirror(cluster=cluster, parts_per_million=share)


def _mirror_policies(rule: HttpRoute) -> tuple[MirrorPolicy, ...]:
    if rule.mirror is None:
        return rule.mirrors
    share = rule.mirror_percentage
    if share is None and rule.mirror_percent is not None:
        share = Percent(value=rule.mirror_percent)
    return (MirrorPolicy(destination=rule.mirror, percentage=share), *rule.mirrors)
