"""Answers that send the client elsewhere.

Source: envoy/config/route/v3/route_components.proto (``RedirectAction``).
"""

from collections.abc import Mapping
from typing import Final

from envoy.config.route.v3.route_components_pb2 import RedirectAction

from controlplane.envoy.text_matcher import substitution
from controlplane.model.routing import RedirectTo, ReplacePath, ReplacePrefix, ReplaceRegex

RESPONSE_CODES: Final[Mapping[int, RedirectAction.RedirectResponseCode]] = {
    301: RedirectAction.MOVED_PERMANENTLY,
    302: RedirectAction.FOUND,
    303: RedirectAction.SEE_OTHER,
    307: RedirectAction.TEMPORARY_REDIRECT,
    308: RedirectAction.PERMANENT_REDIRECT,
}


def redirect_action(redirect: RedirectTo) -> RedirectAction:
    path = redirect.path
    return RedirectAction(
        scheme_redirect=redirect.scheme,
        host_redirect=redirect.host,
        port_redirect=redirect.port,
        path_redirect=path.text if isinstance(path, ReplacePath) else None,
        prefix_rewrite=path.text if isinstance(path, ReplacePrefix) else None,
        regex_rewrite=substitution(path) if isinstance(path, ReplaceRegex) else None,
        response_code=RESPONSE_CODES[redirect.status],
    )
