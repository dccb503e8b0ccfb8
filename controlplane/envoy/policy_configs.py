"""The filters of policies as they are encoded: once, for all chains that have them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final, assert_never

from controlplane.envoy.http_filters.rbac import http_rbac
from controlplane.envoy.network_filters.rbac import network_rbac
from controlplane.envoy.resource import encoded
from controlplane.model.authorization import Authorization, Transport, Verdict
from controlplane.model.plan.listener import ChainPlan
from controlplane.model.plan.network_filters import HttpConnectionManager

PolicyConfigs = Mapping[Authorization, bytes]
NO_CONFIGS: Final[PolicyConfigs] = {}


def policies_of(chain: ChainPlan) -> Iterator[Authorization]:
    """The filters of policies anywhere in a chain."""
    for filter_ in chain.network_filters:
        inner = filter_.filters if isinstance(filter_, HttpConnectionManager) else (filter_,)
        yield from (each for each in inner if isinstance(each, Authorization))


def authorization_config(authorization: Authorization) -> bytes:
    """The configuration of the filter for its transport; raises ``RuleBroken``."""
    match authorization.transport:
        case Transport.HTTP:
            return encoded(http_rbac(authorization))
        case Transport.TCP:
            return encoded(network_rbac(authorization))
    assert_never(authorization.transport)


def refusing_config(authorization: Authorization) -> bytes:
    """The configuration in place of one that cannot be encoded: it refuses every call, unless the
    other decides none.
    """
    decides = authorization.verdict is not Verdict.AUDIT and authorization.enforced is not None
    refusing = replace(
        authorization, verdict=Verdict.ALLOW, enforced=() if decides else None, tried=None
    )
    return authorization_config(refusing)
