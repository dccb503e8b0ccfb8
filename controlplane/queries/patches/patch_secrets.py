"""The secrets that patches name and nothing else of a proxy does.

The rules are those of Gateways and DestinationRules: a Secret of the proxy's own namespace, or a
ConfigMap, for what it holds. Any other name is reported, and Envoy closes what asks for it.
"""

from collections.abc import Iterator
from typing import Final, Never

from controlplane.base.codes import PATCH_SECRET_NOT_SENT
from controlplane.base.diagnostics import Diagnostic, UsersFault
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.base.provenance import Provenance
from controlplane.base.shelf import Shelf, shelf
from controlplane.envoy.patches.secrets import NamedSecret, secrets_in
from controlplane.envoy.patches.values import value_of
from controlplane.envoy.resource import Resource
from controlplane.graph import Graph, derived, guarded_by
from controlplane.model.patch import Operation, PatchReference
from controlplane.model.proxy_view import ProxyView
from controlplane.model.tls import TRUST_BUNDLE, WORKLOAD_CERTIFICATE, SecretName
from controlplane.model.tls_upstream import SecretUse
from controlplane.queries.listeners.secrets import credential_resource
from controlplane.queries.patches.effects import is_applied
from controlplane.queries.policy.envoy_filters import patch_of
from controlplane.queries.registry.credentials import credential_of

_OF_IDENTITY: Final = frozenset({WORKLOAD_CERTIFICATE, TRUST_BUNDLE})
"""Every proxy of the mesh is sent these."""


@derived
def patch_secrets(graph: Graph, view: ProxyView) -> Shelf[Resource]:
    """Runs again when patches do something else to the proxy, or a Secret they name changes."""
    found = (
        patch_secret(graph, view.outbound.namespace, reference, named)
        for reference, named in _named(graph, view)
    )
    return shelf({each.name: each for each in found if each is not None})


def _named(graph: Graph, view: ProxyView) -> Iterator[tuple[PatchReference, NamedSecret]]:
    """Only what patches name that do something: no proxy has a secret that it does not use."""
    for reference in view.patches:
        secrets = secrets_of_patch(graph, reference)
        if secrets and is_applied(graph, view, reference):
            yield from ((reference, named) for named in secrets)


@derived
def secrets_of_patch(graph: Graph, reference: PatchReference) -> tuple[NamedSecret, ...]:
    """Runs again when the EnvoyFilter changes."""
    patch = patch_of(graph, reference)
    if patch is None or patch.operation is Operation.REMOVE:
        return ()
    return tuple(dict.fromkeys(secrets_in(value_of(patch))))


def _not_sent(*_: object) -> Resource | None:
    return None


@guarded_by(_not_sent)
def patch_secret(
    graph: Graph, namespace: Namespace, reference: PatchReference, named: NamedSecret
) -> Resource | None:
    """``None`` where it is not to be sent, which is reported."""
    name, use = named
    if name in _OF_IDENTITY:
        return None
    credential = credential_of(name, namespace)
    if use is None:
        _refuse(reference, name, "it is neither for a certificate nor for authorities")
    if credential is None:
        said = f"a proxy in {namespace} is sent Secrets of its own namespace and ConfigMaps"
        _refuse(reference, name, said, "write kubernetes://NAME, or configmap://NAMESPACE/NAME")
    if credential.use is not use:
        wanted = "a certificate" if use is SecretUse.CERTIFICATE else "authorities"
        hint = f"write {name}-cacert" if use is SecretUse.TRUST else None
        _refuse(reference, name, f"it does not name {wanted}, which it is for", hint)
    found = credential_resource(graph, credential, name)
    if found is None:
        said = f"{credential.object.display_name} is not there, or cannot be used"
        _refuse(reference, name, said)
    return found


def _refuse(reference: PatchReference, name: str, why: str, hint: str | None = None) -> Never:
    said = f'the patch names the secret "{name}", which is not sent: {why}'
    raise UsersFault(
        Diagnostic(
            code=PATCH_SECRET_NOT_SENT, place=reference.place / "value", message=said, hint=hint
        )
    )


def patch_secret_origins(graph: Graph, view: ProxyView) -> Iterator[Provenance]:
    """The patches that name a secret; nothing else does."""
    found: dict[SecretName, dict[FieldRef, None]] = {}
    for reference, (name, _) in _named(graph, view):
        found.setdefault(name, {})[reference.place] = None
    sent = patch_secrets(graph, view)
    for name, places in found.items():
        if name in sent:
            yield Provenance(name=name, origins=tuple(places))
