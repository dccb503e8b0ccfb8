"""The names that the mesh's trust domain has and had: an identity under one of them is meant under
all.

Source: Istio ``pilot/pkg/security/trustdomain/bundle.go``
"""

from collections.abc import Iterator, Sequence
from typing import Final

from controlplane.kinds.istio.mesh_config import MeshConfig

TrustDomains = tuple[str, ...]
"""The mesh's own first, then its aliases."""
_OWN: Final = "cluster.local"
"""In policies whatever the mesh's own trust domain is."""
_PARTS: Final = 5  # of TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT


def known_trust_domains(mesh: MeshConfig) -> TrustDomains:
    return tuple(dict.fromkeys((mesh.trust_domain, *mesh.trust_domain_aliases)))


def identities_of(domains: TrustDomains, principals: Sequence[str]) -> tuple[str, ...]:
    """``principals`` under every trust domain of the mesh; those of others and what is no whole
    identity stay as they are.
    """
    return tuple(each for principal in principals for each in _identities(domains, principal))


def trust_domains_of(domains: TrustDomains, written: Sequence[str]) -> tuple[str, ...]:
    """``written``, with all names of the mesh's own for each of them."""
    found = (each for one in written for each in (domains if one in domains else (one,)))
    return tuple(dict.fromkeys(found))


def _identities(domains: TrustDomains, principal: str) -> Iterator[str]:
    written, *rest = principal.split("/")
    is_of_mesh = written == _OWN or any(_meets(domain, written) for domain in domains)
    if len(rest) + 1 != _PARTS or written == "*" or not is_of_mesh:
        yield principal
        return
    found = (
        principal if _ends_with(domain, written) else "/".join((domain, *rest))
        for domain in domains
    )
    yield from dict.fromkeys(found)


def _meets(domain: str, written: str) -> bool:
    """Whether one of the two, as a pattern with an asterisk at an end, means the other."""
    return any(
        a == b
        or (b.endswith("*") and a.startswith(b[:-1]))
        or (b.startswith("*") and a.endswith(b[1:]))
        for a, b in ((domain, written), (written, domain))
    )


def _ends_with(domain: str, pattern: str) -> bool:
    return pattern.startswith("*") and domain.endswith(pattern[1:])
