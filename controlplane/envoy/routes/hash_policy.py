"""What part of a request decides its endpoint (consistent hashing).

Source: envoy/config/route/v3/route_components.proto (``RouteAction.HashPolicy``).
"""

from typing import assert_never

from envoy.config.route.v3.route_components_pb2 import RouteAction

from controlplane.model.routing import CookieHash, HashPolicy, HeaderHash, QueryHash, SourceIpHash

Message = RouteAction.HashPolicy


def hash_policy(policy: HashPolicy) -> Message:
    match policy:
        case HeaderHash(name=name):
            return Message(header=Message.Header(header_name=name))
        case CookieHash():
            return Message(cookie=_cookie(policy))
        case QueryHash(name=name):
            return Message(query_parameter=Message.QueryParameter(name=name))
        case SourceIpHash():
            return Message(connection_properties=Message.ConnectionProperties(source_ip=True))
    assert_never(policy)


def _cookie(policy: CookieHash) -> Message.Cookie:
    return Message.Cookie(
        name=policy.name,
        ttl=policy.ttl,
        path=policy.path,
        attributes=[
            Message.CookieAttribute(name=name, value=value) for name, value in policy.attributes
        ],
    )
