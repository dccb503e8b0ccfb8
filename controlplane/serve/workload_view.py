"""What is shown of a workload with a sidecar: who it is, what it accepts and by which rules."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from controlplane.admin.view import (
    ConfigResource,
    DeclaredObject,
    Origin,
)
from controlplane.admin.workload import ServedPort, Workload, WorkloadPort
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, ObjectKey, PortNumber
from controlplane.engine.engine import Engine
from controlplane.envoy.resource import Resource, packed
from controlplane.kinds.gateway_api.backend_tls_policy import BACKEND_TLS_POLICY
from controlplane.kinds.gateway_api.backend_traffic_policy import X_BACKEND_TRAFFIC_POLICY
from controlplane.kinds.gateway_api.grpc_route import GRPC_ROUTE
from controlplane.kinds.gateway_api.http_route import HTTP_ROUTE
from controlplane.kinds.gateway_api.tcp_route import TCP_ROUTE
from controlplane.kinds.gateway_api.tls_route import TLS_ROUTE
from controlplane.kinds.istio.authorization_policy import AUTHORIZATION_POLICY
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.envoy_filter import ENVOY_FILTER
from controlplane.kinds.istio.peer_authentication import PEER_AUTHENTICATION
from controlplane.kinds.istio.request_authentication import REQUEST_AUTHENTICATION
from controlplane.kinds.istio.sidecar import SIDECAR
from controlplane.kinds.istio.virtual_service import VIRTUAL_SERVICE
from controlplane.kinds.istio.workload_group import WORKLOAD_GROUP
from controlplane.kinds.object import Object
from controlplane.model.egress import LookUp, PassOn, Refuse, UnknownTraffic
from controlplane.model.mtls import MtlsPolicy
from controlplane.model.outbound_view import SidecarScope
from controlplane.model.proxy import Proxy, ResolvedProxy, Role
from controlplane.model.tls import WORKLOAD_CERTIFICATE
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.policy.attachment import policy_keys
from controlplane.queries.policy.peer_policies import (
    PeerLevels,
    deciding_field,
    mtls_policy,
    peer_levels,
)
from controlplane.queries.registry.egress import sidecar_scope, unknown_traffic
from controlplane.queries.registry.endpoints import pods_by_address
from controlplane.queries.registry.proxies import (
    resolved_or_as_it_says,
    workload_entries_by_address,
)
from controlplane.queries.registry.services import service_of
from controlplane.serve.applied_view import AppliedView
from controlplane.serve.origins import shown_origin
from controlplane.tls.certificate import certificates
from controlplane.translate.workload import OF_GROUP

OwnSecrets = Callable[[Proxy], Mapping[str, Resource]]
_RULES_OUT: Final = (
    VIRTUAL_SERVICE,
    HTTP_ROUTE,
    GRPC_ROUTE,
    TLS_ROUTE,
    TCP_ROUTE,
    DESTINATION_RULE,
    BACKEND_TLS_POLICY,
    X_BACKEND_TRAFFIC_POLICY,
    ENVOY_FILTER,
)
_RULES_IN: Final = (
    PEER_AUTHENTICATION,
    REQUEST_AUTHENTICATION,
    AUTHORIZATION_POLICY,
    SIDECAR,
    DESTINATION_RULE,
    ENVOY_FILTER,
)


@dataclass(frozen=True, slots=True)
class WorkloadView:
    """Reads the engine, and the certificates that proxies have."""

    engine: Engine
    own_secrets: OwnSecrets

    def group(self, proxy: Proxy) -> str:
        """The WorkloadGroup that registered the proxy; empty for one that none did."""
        declared = self._declared(proxy)
        return declared.annotations.get(OF_GROUP, "") if declared is not None else ""

    def mtls(self, proxy: Proxy) -> str:
        """What the workload of a sidecar accepts, in a few words."""
        if proxy.role is not Role.SIDECAR:
            return ""
        policy = mtls_policy(self.engine.graph, self._levels(self._resolved(proxy)).keys)
        return _spoken(policy)

    def certificate_ends(self, proxy: Proxy) -> datetime | None:
        """When its own certificate does; ``None`` where it has none."""
        found = self.own_secrets(proxy).get(WORKLOAD_CERTIFICATE)
        if found is None:
            return None
        secret = Secret.FromString(packed(found).value)
        chain = certificates(secret.tls_certificate.certificate_chain.inline_bytes)
        return chain[0].ends if chain else None

    def described(
        self,
        proxy: Proxy,
        inbound: Iterable[ConfigResource],
        origins_in: Iterable[ObjectKey],
        origins_out: Iterable[ObjectKey],
    ) -> Workload:
        """``origins_…``: the objects that the proxy's configuration came from, of calls of its
        workload and of those that it makes.
        """
        graph, resolved = self.engine.graph, self._resolved(proxy)
        levels = self._levels(resolved)
        policy = mtls_policy(graph, levels.keys)
        calls = policy_keys(graph, resolved.namespace, resolved.labels)
        policies = (*levels.keys, *calls.tokens, *calls.authorization)
        scope = sidecar_scope(graph, resolved.namespace, resolved.labels)
        declared = self._declared(proxy)
        applied = AppliedView(self.engine, self.engine.view(proxy))
        return Workload(
            proxy=f"{proxy.name}.{proxy.namespace}",
            group=self._group(proxy),
            declared=self._shown(declared.key) if declared is not None else None,
            labels=dict(resolved.labels),
            addresses=proxy.addresses,
            service_account=proxy.service_account,
            identity=self._identity(proxy),
            certificate_ends=self.certificate_ends(proxy),
            sidecar=self._shown(scope.sidecar) if scope is not None else None,
            imports=tuple(self._imports(scope)),
            unknown=_of_unknown(unknown_traffic(graph, scope)),
            mtls=policy.mode.value,
            mtls_decided_by=self._decided_by(levels, None),
            ports=tuple(self._ports(resolved, levels, policy)),
            inbound=tuple(inbound),
            rules_in=self._rules((*policies, *origins_in), _RULES_IN),
            rules_out=self._rules(origins_out, _RULES_OUT),
            observed=applied.observed(),
            telemetries=applied.telemetries(),
            extensions=applied.extensions(),
            proxy_configs=applied.proxy_configs(proxy, resolved, declared),
        )

    def _group(self, proxy: Proxy) -> DeclaredObject | None:
        name = self.group(proxy)
        return self._shown(ObjectKey(WORKLOAD_GROUP, proxy.namespace, name)) if name else None

    def _resolved(self, proxy: Proxy) -> ResolvedProxy:
        return resolved_or_as_it_says(self.engine.graph, proxy)

    def _levels(self, proxy: ResolvedProxy) -> PeerLevels:
        return peer_levels(self.engine.graph, proxy.namespace, proxy.labels)

    def _declared(self, proxy: Proxy) -> Object[object] | None:
        """The Pod or WorkloadEntry at the proxy's address."""
        graph = self.engine.graph
        for address in proxy.addresses:
            where = (proxy.namespace, address)
            for key in (*pods_by_address(graph, where), *workload_entries_by_address(graph, where)):
                found = self.engine.object(key)
                if found is not None:
                    return found
        return None

    def _identity(self, proxy: Proxy) -> str:
        domain = mesh_config(self.engine.graph).trust_domain
        return f"spiffe://{domain}/ns/{proxy.namespace}/sa/{proxy.service_account}"

    def _imports(self, scope: SidecarScope | None) -> Iterator[str]:
        declared = self.engine.object(scope.sidecar) if scope is not None else None
        for listener in declared.spec.egress if declared is not None else ():
            port = f" on port {listener.port.number}" if listener.port is not None else ""
            yield f"{', '.join(listener.hosts)}{port}"

    def _ports(
        self, proxy: ResolvedProxy, levels: PeerLevels, policy: MtlsPolicy
    ) -> Iterator[WorkloadPort]:
        """The ports that services lead to, and those that a policy names."""
        led = {target.target for target in proxy.targets}
        for port in sorted(led | {number for number, _ in policy.ports}):
            yield WorkloadPort(
                port=port,
                mtls=policy.of(port).value,
                decided_by=self._decided_by(levels, PortNumber(port)),
                services=tuple(self._services(proxy, port)),
            )

    def _services(self, proxy: ResolvedProxy, port: int) -> Iterator[ServedPort]:
        for target in proxy.targets:
            found = service_of(self.engine.graph, Host(target.host), proxy.namespace)
            served = found.port(target.port) if found is not None else None
            if target.target == port and found is not None and served is not None:
                yield ServedPort(
                    host=target.host,
                    port=target.port,
                    protocol=served.protocol.value,
                    declared=self._shown(found.declared_by[0]),
                )

    def _decided_by(self, levels: PeerLevels, port: PortNumber | None) -> Origin | None:
        field = deciding_field(self.engine.graph, levels.keys, port)
        return shown_origin(self.engine, field) if field is not None else None

    def _rules(
        self, keys: Iterable[ObjectKey], kinds: tuple[object, ...]
    ) -> tuple[DeclaredObject, ...]:
        return tuple(self._shown(key) for key in sorted(set(keys)) if key.kind in kinds)

    def _shown(self, key: ObjectKey) -> DeclaredObject:
        location = self.engine.location(FieldRef(key))
        return DeclaredObject(
            object=str(key),
            path=str(location.path) if location is not None else "",
            line=location.line if location is not None else 0,
        )


def _spoken(policy: MtlsPolicy) -> str:
    """``STRICT, 9090 PERMISSIVE``."""
    others = (f"{port} {mode.value}" for port, mode in policy.ports if mode is not policy.mode)
    return ", ".join((policy.mode.value, *others))


def _of_unknown(traffic: UnknownTraffic) -> str:
    match traffic:
        case PassOn(proxy=None):
            return "passed on (ALLOW_ANY)"
        case PassOn(proxy=proxy):
            return f"passed on through {proxy}"
        case Refuse():
            return "refused (REGISTRY_ONLY)"
        case LookUp():
            return "looked up in DNS (ALLOW_ANY_DYNAMIC_DNS)"
