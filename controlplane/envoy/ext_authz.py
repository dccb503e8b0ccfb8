"""What the filters that ask a provider share: for requests and for connections.

Source: envoy/extensions/filters/http/ext_authz/v3/ext_authz.proto,
envoy/extensions/filters/network/ext_authz/v3/ext_authz.proto.
"""

from typing import Final

from envoy.config.core.v3.grpc_service_pb2 import GrpcService
from envoy.config.rbac.v3.rbac_pb2 import RBAC
from envoy.type.matcher.v3.metadata_pb2 import MetadataMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher
from envoy.type.matcher.v3.value_pb2 import ValueMatcher

from controlplane.envoy.rbac import role_based_access
from controlplane.model.authorization import Verdict
from controlplane.model.external_authorization import CustomRules, Provider, mark

MARKS: Final = "istio_ext_authz_"
"""What the metadata of rules that only mark begins with, as in Istio."""
_POLICY: Final = "shadow_effective_policy_id"  # envoy, filters/common/rbac/utility.h


def marking_rules(rules: CustomRules) -> RBAC:
    """The rules, each under the name that ``marked`` looks for."""
    return role_based_access(rules.rules, Verdict.DENY, rules.name)


def marked(provider: Provider, rbac_filter: str) -> MetadataMatcher:
    """That the filter ``rbac_filter`` found a rule that asks the provider."""
    return MetadataMatcher(
        filter=rbac_filter,
        path=[MetadataMatcher.PathSegment(key=f"{MARKS}{_POLICY}")],
        value=ValueMatcher(string_match=StringMatcher(prefix=mark(provider.name))),
    )


def grpc_service(provider: Provider) -> GrpcService:
    return GrpcService(
        envoy_grpc=GrpcService.EnvoyGrpc(cluster_name=provider.cluster, authority=provider.host),
        timeout=provider.timeout,
    )
