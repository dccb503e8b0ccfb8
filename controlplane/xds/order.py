"""What is sent before what, what waits for what, and what is removed after what: make before break.

Source: Envoy, "xDS REST and gRPC protocol", "Eventual consistency considerations".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from controlplane.envoy.resource import TypeUrl

PUSH_ORDER: Final = (
    TypeUrl.CLUSTER,
    TypeUrl.ENDPOINT,  # a changed cluster warms until its endpoints come again
    TypeUrl.LISTENER,
    TypeUrl.ROUTE,
    TypeUrl.SECRET,  # whatever names one warms until it comes, so its turn does not matter
    TypeUrl.EXTENSION,  # likewise
    TypeUrl.GATEWAY_PROXY,  # runners ask for it alone
)
"""Make before break: what is referred to before what refers to it (xDS, "Eventual consistency").

Envoy applies the responses of a stream in their order, so what was sent first is there first.
"""

PROXY_TYPES: Final = PUSH_ORDER[:-1]
"""What proxies are sent."""

REFERRING: Final = frozenset({TypeUrl.LISTENER, TypeUrl.ROUTE})
"""These lead requests to clusters. They wait while any of ``LED_TO`` waits its turn."""

LED_TO: Final = (TypeUrl.CLUSTER, TypeUrl.ENDPOINT)
"""A route to a cluster that is not there, or has no endpoints yet, answers 503."""

ASKED_FOR_LATER: Final = frozenset(
    {TypeUrl.ENDPOINT, TypeUrl.ROUTE, TypeUrl.SECRET, TypeUrl.EXTENSION}
)
"""Clusters and listeners name these, and a client that got one asks for them."""

USED_WHILE_ASKED_FOR: Final = frozenset({TypeUrl.EXTENSION})
"""Connections to a listener that was replaced drain for minutes. Their requests meet the filters of
before, which Envoy asks for as long, and would get 500 without them; it forgets them by itself.
"""

REMOVAL_ORDER: Final = (
    TypeUrl.LISTENER,
    TypeUrl.ROUTE,
    TypeUrl.ENDPOINT,
    TypeUrl.CLUSTER,
    TypeUrl.SECRET,
    TypeUrl.EXTENSION,
    TypeUrl.GATEWAY_PROXY,
)
"""What refers goes before what it refers to."""

REFERRERS: Final[Mapping[TypeUrl, tuple[TypeUrl, ...]]] = MappingProxyType(
    {
        TypeUrl.LISTENER: (),
        TypeUrl.ROUTE: (TypeUrl.LISTENER,),
        TypeUrl.ENDPOINT: (TypeUrl.CLUSTER, TypeUrl.LISTENER, TypeUrl.ROUTE, TypeUrl.SECRET),
        TypeUrl.CLUSTER: (TypeUrl.LISTENER, TypeUrl.ROUTE, TypeUrl.SECRET),
        TypeUrl.SECRET: (TypeUrl.LISTENER, TypeUrl.CLUSTER),
        TypeUrl.EXTENSION: (TypeUrl.LISTENER,),
        TypeUrl.GATEWAY_PROXY: (),
    }
)
"""The types whose newest form the client must have accepted before something of a type is removed.

That it was sent is not enough: Envoy may reject it, and then uses the old one. And until a listener
or cluster that replaces another is warm the old one works, with all that it names: a listener warms
until its routes and secrets are there, and a cluster may be replaced by one without EDS.
"""
