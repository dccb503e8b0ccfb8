"""What TLS a cluster speaks to its endpoints.

Source: Istio ``pilot/pkg/networking/core/cluster_tls.go``.
"""

from dataclasses import replace

from controlplane.model.cluster import Discovery, DynamicForwardProxy, OriginalDestination
from controlplane.model.cluster_name import sni_dnat_name
from controlplane.model.proxy import Role
from controlplane.model.service import Origin as Declared, Resolution
from controlplane.model.tls_upstream import (
    LONGEST_SNI,
    MeshMutual,
    OnCapableEndpoints,
    OnEveryEndpoint,
    Originate,
    Plaintext,
    TrustAnything,
    UpstreamTls,
    secrets_named,
)
from controlplane.translate.cluster_inputs import ClusterInputs, EndpointFacts, MeshDefaults


def upstream_tls(
    inputs: ClusterInputs, where: Discovery, mesh: MeshDefaults, facts: EndpointFacts, role: Role
) -> UpstreamTls | None:
    """What the rule says; where it says nothing, mutual TLS with endpoints in the mesh that accept
    it.
    """
    if inputs.is_sni_dnat:
        return None
    match inputs.policy.tls:
        case Plaintext():
            return None
        case MeshMutual() as tls:
            return OnEveryEndpoint(_mesh_mutual(inputs, tls, mesh, facts))
        case Originate() as tls:
            if _is_withheld(inputs, tls, role):
                return None
            return OnEveryEndpoint(_named(inputs, tls, mesh, facts))
        case None:
            return _automatic(inputs, where, mesh, facts)


def _automatic(
    inputs: ClusterInputs, where: Discovery, mesh: MeshDefaults, facts: EndpointFacts
) -> UpstreamTls | None:
    if (
        not mesh.uses_mutual_tls
        or inputs.service.is_external
        or isinstance(where, DynamicForwardProxy)
        or not facts.may_take_mutual_tls()
    ):
        return None
    is_direct = inputs.service.resolution is Resolution.HEADLESS or inputs.passes_through
    if is_direct and not facts.all_take_mutual_tls():
        return None
    mutual = _mesh_mutual(inputs, MeshMutual(), mesh, facts)
    if isinstance(where, OriginalDestination):
        return OnEveryEndpoint(mutual)
    return OnCapableEndpoints(mutual)


def _mesh_mutual(
    inputs: ClusterInputs, tls: MeshMutual, mesh: MeshDefaults, facts: EndpointFacts
) -> MeshMutual:
    subset = inputs.subset.name if inputs.subset is not None else None
    sni = tls.sni or sni_dnat_name(inputs.port.number, subset, inputs.service.host)
    return MeshMutual(
        sni=sni if len(sni.encode()) <= LONGEST_SNI else None,
        names=tls.names or _identities(inputs, mesh, facts),
    )


def _identities(inputs: ClusterInputs, mesh: MeshDefaults, facts: EndpointFacts) -> tuple[str, ...]:
    """What the endpoints may prove to be: their service accounts, and the names of the service."""
    accounts = (
        f"spiffe://{domain}/ns/{namespace}/sa/{account}"
        for namespace, _, account in (found.partition("/") for found in facts.accounts())
        for domain in mesh.trust_domains
    )
    return tuple(sorted({*accounts, *inputs.service.subject_alt_names}))


def _named(
    inputs: ClusterInputs, tls: Originate, mesh: MeshDefaults, facts: EndpointFacts
) -> Originate:
    """The names of a ServiceEntry, and the accounts of its endpoints, are demanded where the rule
    names none.
    """
    verifies = not isinstance(tls.trust, TrustAnything)
    if tls.names or not verifies or inputs.service.origin is not Declared.ENTRY:
        return tls
    return replace(tls, names=_identities(inputs, mesh, facts))


def _is_withheld(inputs: ClusterInputs, tls: Originate, role: Role) -> bool:
    """Secrets of a sidecar's namespace are not given to each of its workloads: Istio sends
    plaintext then.
    """
    asks = any(name.startswith("kubernetes:") for _, name in secrets_named(tls))
    selected = inputs.rule is not None and inputs.rule.selector is not None
    return not role.may_use_every_secret and asks and not selected
