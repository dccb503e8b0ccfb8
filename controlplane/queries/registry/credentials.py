"""Which object a secret's name refers to, what is in it, and whether it can be served.

Source: istio ``pilot/pkg/model/credentials``, ``pilot/pkg/credentials/kube``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from controlplane.base.diagnostics import Diagnostics, Related, Report, Reported
from controlplane.base.locations import FieldRef, Step
from controlplane.base.names import Namespace, ObjectKey
from controlplane.graph import Graph, derived, guarded
from controlplane.kinds.core.configuration import CONFIG_MAP, SECRET, ConfigMap, Secret
from controlplane.kinds.istio.destination_rule import (
    DESTINATION_RULE,
    DestinationRule,
    DestinationRuleKey,
)
from controlplane.kinds.istio.gateway import GATEWAY, Gateway
from controlplane.kinds.object import Object, is_of
from controlplane.model.tls import CA_SUFFIX, KeyPair, Trust, is_trust_name
from controlplane.model.tls_upstream import SecretUse
from controlplane.queries.inputs.clock import now
from controlplane.queries.inputs.objects import index, object_of
from controlplane.translate.kubernetes.secret import is_valid_at, key_pair, trust
from controlplane.translate.kubernetes.secret_entries import ReadKeyPair, ReadTrust


@dataclass(frozen=True, slots=True)
class Credential:
    """What a name means. The authorities of ``x-cacert`` may be in a Secret ``x``: ``object`` is
    ``x-cacert``.
    """

    object: ObjectKey[Secret | ConfigMap]
    use: SecretUse


def credential_of(name: str, namespace: Namespace) -> Credential | None:
    """What ``name`` refers to for a proxy in ``namespace``; ``None`` for what is never served to
    it: Secrets of other namespaces. ConfigMaps of others are served, as they hold nothing secret.
    ``kubernetes-gateway`` is how Gateway API names Secrets, always with their namespace.
    """
    scheme, _, rest = name.partition("://")
    scope, slash, short = rest.partition("/")
    if scheme == "configmap" and slash:
        return Credential(
            ObjectKey(CONFIG_MAP, Namespace(scope), short.removesuffix(CA_SUFFIX)), SecretUse.TRUST
        )
    named = scheme == "kubernetes" or (scheme == "kubernetes-gateway" and slash)
    if not named or (slash and scope != namespace):
        return None
    plain = short if slash else scope
    use = SecretUse.TRUST if is_trust_name(plain) else SecretUse.CERTIFICATE
    return Credential(ObjectKey(SECRET, namespace, plain), use)


def owner_of(name: str) -> Namespace:
    """The namespace in a secret's name, as Gateway API names them."""
    return Namespace(name.partition("://")[2].partition("/")[0])


@index(GATEWAY)
def credential_users(
    gateway: Object[Gateway],
) -> Iterator[tuple[str, tuple[ObjectKey, tuple[Step, ...]]]]:
    """Where Gateways name credentials, under the plain name of each."""
    for i, server in enumerate(gateway.spec.servers):
        at: tuple[Step, ...] = ("spec", "servers", i, "tls")
        tls = server.tls
        if tls is None:
            continue
        if tls.credential_name:
            yield _plain(tls.credential_name), (gateway.key, (*at, "credentialName"))
        if tls.ca_cert_credential_name:
            yield _plain(tls.ca_cert_credential_name), (gateway.key, (*at, "caCertCredentialName"))
        for j, name in enumerate(tls.credential_names):
            yield _plain(name), (gateway.key, (*at, "credentialNames", j))


@index(DESTINATION_RULE)
def credential_rules(
    rule: Object[DestinationRule],
) -> Iterator[tuple[str, DestinationRuleKey]]:
    """DestinationRules that name a credential, under its plain name."""
    policies = (rule.spec.traffic_policy, *(s.traffic_policy for s in rule.spec.subsets))
    for policy in policies:
        if policy is None:
            continue
        for tls in (policy.tls, *(p.tls for p in policy.port_level_settings)):
            if tls is not None and tls.credential_name:
                yield _plain(tls.credential_name), rule.key


@guarded
def reading(graph: Graph, credential: Credential) -> ReadKeyPair | ReadTrust | None:
    """What the object holds; runs again when it changes, or the objects that name it."""
    return _reported_reading(graph, credential).value


@derived
def _reported_reading(
    graph: Graph, credential: Credential
) -> Reported[ReadKeyPair | ReadTrust | None]:
    source = holder(graph, credential)
    if source is None:
        return Reported(None)
    report = Report()
    users = users_of(graph, source.key.name)
    if credential.use is SecretUse.CERTIFICATE and is_of(source, SECRET):
        found: ReadKeyPair | ReadTrust | None = key_pair(report, source, users=users)
    else:
        found = trust(report, source, users=users)
    return Reported(found, tuple(report))


def holder(graph: Graph, credential: Credential) -> Object[Secret | ConfigMap] | None:
    """The object that holds a credential: for authorities ``x-cacert``, or ``x`` where there is
    none.
    """
    found = object_of(graph, credential.object)
    key = credential.object
    if found is None and credential.use is SecretUse.TRUST and key.kind == SECRET:
        found = object_of(graph, ObjectKey(SECRET, key.namespace, key.name.removesuffix(CA_SUFFIX)))
    return found


@guarded
def servable(graph: Graph, credential: Credential) -> KeyPair | Trust | None:
    """The credential when it can be served now."""
    return _reported_servable(graph, credential).value


def credential_faults(graph: Graph, credential: Credential) -> Diagnostics:
    """Why a credential cannot be served, or only for a short time."""
    read, served = _reported_reading(graph, credential), _reported_servable(graph, credential)
    return (*read.diagnostics, *served.diagnostics)


@derived
def _reported_servable(graph: Graph, credential: Credential) -> Reported[KeyPair | Trust | None]:
    """Runs again every hour, and when the object changes."""
    found, time, source = reading(graph, credential), now(graph), holder(graph, credential)
    if found is None or source is None:
        return Reported(None)
    report = Report()
    users = users_of(graph, source.key.name)
    spans = (found.span,) if isinstance(found, ReadKeyPair) else found.spans
    valid = [is_valid_at(report, found.place, s, time, users) for s in spans] if time else [True]
    return Reported(found.credential if any(valid) else None, tuple(report))


def users_of(graph: Graph, name: str) -> tuple[Related, ...]:
    """The objects that name the object ``name``, in any namespace."""
    names = (name, f"{name}{CA_SUFFIX}", name.removesuffix(CA_SUFFIX))
    servers = {user for n in names for user in credential_users(graph, n)}
    rules = {rule for n in names for rule in credential_rules(graph, n)}
    places = [FieldRef(key, path) for key, path in sorted(servers)] + list(
        map(FieldRef, sorted(rules))
    )
    return tuple(
        Related(place=place, message=f"{place.object.display_name} uses it") for place in places
    )


def _plain(name: str) -> str:
    """``shop-cert`` of ``kubernetes://istio-system/shop-cert``."""
    return name.rpartition("/")[2]
