"""What TLS a cluster speaks to its endpoints.

Source: Istio ``pilot/pkg/networking/core/cluster_tls.go``.
"""

from dataclasses import replace

from controlplane.model.backend import Discovery
from controlplane.model.backend import NameOfRequest
from controlplane.model.backend import OriginalDestination
from controlplane.model.cluster_name import sni_dnat_name
from controlplane.model.proxy import Role
from controlplane.model.service import Origin as Declared
from controlplane.model.service import Resolution
from controlplane.model.tls_upstream import LONGEST_SNI
from controlplane.model.tls_upstream import MeshMutual
from controlplane.model.tls_upstream import OnCapableEndpoints
from controlplane.model.tls_upstream import OnEveryEndpoint
from controlplane.model.tls_upstream import Originate
from controlplane.model.tls_upstream import Plaintext
from controlplane.model.tls_upstream import TrustAnything
from controlplane.model.tls_upstream import UpstreamTls
from controlplane.model.tls_upstream import secrets_named
from controlplane.translate.cluster_inputs import Knowledge
from controlplane.translate.cluster_inputs import MeshDefaults
from controlplane.translate.cluster_inputs import Part


def upstream_tls(
    part: Part, where: Discovery, mesh: MeshDefaults, known: Knowledge, role: Role
) -> UpstreamTls | None:
    """What the rule says; where it says nothing, mutual TLS with what takes it, if that is in the
    mesh.
    """
    if part.is_sni_dnat:
        return None
    match part.policy.tls:
        case Plaintext():
            return None
        case MeshMutual() as tls:
            return OnEveryEndpoint(_mesh_mutual(part, tls, mesh, known))
        case Originate() as tls:
            if _is_withheld(part, tls, role):
                return None
            return OnEveryEndpoint(_named(part, tls, mesh, known))
        case None:
            return _automatic(part, where, mesh, known)


def _automatic(
    part: Part, where: Discovery, mesh: MeshDefaults, known: Knowledge
) -> UpstreamTls | None:
    if not mesh.uses_mutual_tls or part.service.is_external or isinstance(where, NameOfRequest):
        return None
    is_direct = part.service.resolution is Resolution.HEADLESS or part.passes_through
    if is_direct and not known.all_take_mutual_tls():
        return None
    mutual = _mesh_mutual(part, MeshMutual(), mesh, known)
    if isinstance(where, OriginalDestination):
        return OnEveryEndpoint(mutual)
    return OnCapableEndpoints(mutual)


def _mesh_mutual(part: Part, tls: MeshMutual, mesh: MeshDefaults, known: Knowledge) -> MeshMutual:
    subset = part.subset.name if part.subset is not None else None
    sni = tls.sni or sni_dnat_name(part.port.number, subset, part.service.host)
    return MeshMutual(
        sni=sni if len(sni.encode()) <= LONGEST_SNI else None,
        names=tls.names or _identities(part, mesh, known),
    )


def _identities(part: Part, mesh: MeshDefaults, known: Knowledge) -> tuple[str, ...]:
    """What the endpoints may prove to be: their service accounts, and the names of the service."""
    accounts = (
        f"spiffe://{domain}/ns/{namespace}/sa/{account}"
        for namespace, _, account in (found.partition("/") for found in known.accounts())
        for domain in mesh.trust_domains
    )
    return tuple(sorted({*accounts, *part.service.subject_alt_names}))


def _named(part: Part, tls: Originate, mesh: MeshDefaults, known: Knowledge) -> Originate:
    """The names of a ServiceEntry, and the accounts of its endpoints, are demanded where the rule
    names none.
    """
    verifies = not isinstance(tls.trust, TrustAnything)
    if tls.names or not verifies or part.service.origin is not Declared.ENTRY:
        return tls
    return replace(tls, names=_identities(part, mesh, known))


def _is_withheld(part: Part, tls: Originate, role: Role) -> bool:
    """Secrets of a sidecar's namespace are not given to each of its workloads: Istio sends
    plaintext then.
    """
    asks = any(name.startswith("kubernetes:") for _, name in secrets_named(tls))
    selected = part.rule is not None and part.rule.selector is not None
    return not role.may_use_every_secret and asks and not selected
