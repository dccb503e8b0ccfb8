"""What policies of action CUSTOM come to at a proxy: calls that they match are marked, and decided
by a provider of MeshConfig.

What nobody can be asked about is refused.
Source: Istio ``pilot/pkg/security/authz/builder`` (``buildHTTP``, ``buildTCP``)
"""

from collections.abc import Iterator

from controlplane.base.names import Host, ObjectKey, PortNumber, key_is_of
from controlplane.graph import Graph, guarded, guarded_by
from controlplane.kinds.istio.authorization_policy import (
    AUTHORIZATION_POLICY,
    Action,
    AuthorizationPolicy,
)
from controlplane.kinds.object import Object
from controlplane.model.authorization import EVERY_CALL, EVERY_CALLER, Rule, Rules, Transport
from controlplane.model.external_authorization import (
    CustomRules,
    ExternalCheck,
    HttpCheck,
    Provider,
    TooMany,
    Unusable,
    Why,
)
from controlplane.model.service import Service
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.policy.authorization import policy_rules
from controlplane.queries.registry.provider_services import meant_services, missing_service
from controlplane.translate.istio.external_authorization import (
    authorization_of,
    declared_provider,
    is_faulty,
    provider,
    provider_service,
)

PolicyKeys = tuple[ObjectKey, ...]
CustomFilters = tuple[CustomRules | ExternalCheck, ...]


def _refusing_all(keys: PolicyKeys, transport: Transport) -> CustomFilters:
    """For a workload of whose policies nothing is known."""
    return tuple(
        CustomRules(
            provider="",
            transport=transport,
            rules=_every_call(key),
            refused=Unusable(Why.INTERNAL_ERROR),
        )
        for key in keys[:1]
    )


@guarded_by(_refusing_all)
def external_authorization(graph: Graph, keys: PolicyKeys, transport: Transport) -> CustomFilters:
    """The filters that these policies put into every chain of ``transport``, in their order.

    Runs again when one of the policies changes, or their provider.
    """
    rules = custom_rules(graph, keys, transport)
    if len(rules) > 1:
        too_many = TooMany(tuple(sorted(rules)))
        return tuple(
            CustomRules(provider=name, transport=transport, rules=rules[name], refused=too_many)
            for name in sorted(rules)
        )
    return tuple(each for name in rules for each in _asking(graph, name, transport, rules[name]))


@guarded(first=())
def asked_services(graph: Graph, keys: PolicyKeys) -> tuple[tuple[Host, PortNumber], ...]:
    """Host and port of the service that decides what these policies match, if they have one.

    Runs again when one of the policies changes, or their provider.
    """
    names = provider_names(graph, keys)
    if len(names) != 1:
        return ()  # Nobody is asked by several.
    found = provider_named(graph, *names)
    return () if isinstance(found, Unusable) else ((found.host, found.port),)


def provider_names(graph: Graph, keys: PolicyKeys) -> frozenset[str]:
    """The providers that policies of action CUSTOM name."""
    specs = (declared.spec for key in keys if (declared := _policy(graph, key)) is not None)
    return frozenset(_provider_name(spec) for spec in specs if spec.action is Action.CUSTOM)


def _policy(graph: Graph, key: ObjectKey) -> Object[AuthorizationPolicy] | None:
    assert key_is_of(key, AUTHORIZATION_POLICY), "these alone have an action"
    return object_of(graph, key)


def _provider_name(spec: AuthorizationPolicy) -> str:
    return spec.provider.name if spec.provider is not None else ""


def custom_rules(graph: Graph, keys: PolicyKeys, transport: Transport) -> dict[str, Rules]:
    """The rules of policies of action CUSTOM, by the name of their provider."""
    found: dict[str, Rules] = {}
    for key in keys:
        policy = _policy(graph, key)
        if policy is None or policy.spec.action is not Action.CUSTOM:
            continue
        name = _provider_name(policy.spec)
        rules = policy_rules(graph, policy.key, transport)
        found[name] = (*found.get(name, ()), *(_every_call(key) if rules is None else rules))
    return found


def _asking(
    graph: Graph, name: str, transport: Transport, rules: Rules
) -> Iterator[CustomRules | ExternalCheck]:
    found = provider_named(graph, name)
    if isinstance(found, Unusable):
        yield CustomRules(provider=name, transport=transport, rules=rules, refused=found)
    elif transport is Transport.HTTP or not isinstance(found.check, HttpCheck):
        yield CustomRules(provider=name, transport=transport, rules=rules)
        yield ExternalCheck(provider=found, transport=transport)
    # Who is asked by HTTP is not asked about connections: they pass, as with Istio.


def _every_call(key: ObjectKey) -> Rules:
    return (Rule(policy=key, index=0, who=EVERY_CALLER, what=EVERY_CALL),)


def _unusable(_: str) -> Provider | Unusable:
    return Unusable(Why.INTERNAL_ERROR)


@guarded_by(_unusable)
def provider_named(graph: Graph, name: str) -> Provider | Unusable:
    """The service that decides under a name; runs again when MeshConfig changes, or who declares
    the service's host.
    """
    declared = declared_provider(mesh_config(graph), name)
    if declared is None:
        return Unusable(Why.NOT_DECLARED)
    found = authorization_of(declared)
    if found is None:
        return Unusable(Why.FAULTY if is_faulty(declared) else Why.OF_OTHER_KIND)
    missing = missing_service(graph, provider_service(found))
    return Unusable(missing) if missing is not None else provider(name, found)


def service_asked(graph: Graph, name: str) -> Service | None:
    """The service of the provider of this name, if there is one and it is unambiguous."""
    declared = declared_provider(mesh_config(graph), name)
    found = authorization_of(declared) if declared is not None else None
    services = meant_services(graph, provider_service(found)) if found is not None else ()
    return services[0] if len(services) == 1 else None
