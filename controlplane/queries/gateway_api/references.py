"""What the references of a listener lead to: certificates and authorities, or why they do not.

A reference to another namespace must be granted; that is looked at first, so that a status never
says whether what is not granted exists.
Source: Istio ``pilot/pkg/config/kube/gateway/conversion.go`` (``buildSecretReference``,
``buildCaCertificateReference``).
"""

from typing import Final

from controlplane.base.locations import FieldRef
from controlplane.base.names import Kind, Namespace, ObjectKey, key_is_of
from controlplane.graph import Graph
from controlplane.kinds.core.configuration import CONFIG_MAP, SECRET, ConfigMap, Secret
from controlplane.kinds.gateway_api.common import ObjectReference, SecretObjectReference
from controlplane.model.gateway_api import Problem
from controlplane.model.tls import CA_SUFFIX, SecretName, is_trust_name
from controlplane.model.tls_upstream import SecretUse
from controlplane.queries.gateway_api.grants import granted
from controlplane.queries.inputs.objects import object_of
from controlplane.queries.registry.credentials import Credential, reading
from controlplane.translate.gateway_api.listener_tls import (
    INVALID_CA_CERTIFICATE_REF,
    INVALID_CERTIFICATE_REF,
    Named,
    Reference,
)

NOT_PERMITTED: Final = "RefNotPermitted"
INVALID_KIND: Final = "InvalidCACertificateKind"


def certificate(
    graph: Graph,
    owner: ObjectKey,
    home: Namespace,
    at: FieldRef,
    ref: SecretObjectReference,
    *,
    reason: str = INVALID_CERTIFICATE_REF,
) -> Reference:
    """What a reference of ``owner`` to a certificate leads to, for proxies in ``home``."""
    key = ObjectKey(SECRET, Namespace(ref.namespace) or owner.namespace, ref.name)
    if not granted(graph, owner, key):
        return _not_granted(at, owner, key)
    if Kind(ref.group, ref.kind) != SECRET:
        message = f"{ref.kind} {ref.name} is not a Secret, and only those hold certificates"
        return Problem(reason, message, at)
    if object_of(graph, key) is None:
        return Problem(reason, f"{key.display_name} does not exist", at)
    usable = not is_trust_name(key.name) and reading(graph, Credential(key, SecretUse.CERTIFICATE))
    if not usable:
        message = f"{key.display_name} does not hold a certificate and its key"
        return Problem(reason, message, at)
    return _named(key, home, key.name)


def authorities(
    graph: Graph, owner: ObjectKey, home: Namespace, at: FieldRef, ref: ObjectReference
) -> Reference:
    """What a reference of ``owner`` to authorities leads to, for proxies in ``home``."""
    named: ObjectKey = ObjectKey(
        Kind(ref.group, ref.kind), Namespace(ref.namespace) or owner.namespace, ref.name
    )
    if not granted(graph, owner, named):
        return _not_granted(at, owner, named)
    key = _holder(named)
    if key is None:
        message = f"{ref.kind} {ref.name} is neither a ConfigMap nor a Secret"
        return Problem(INVALID_KIND, message, at)
    if object_of(graph, key) is None:
        message = f"{key.display_name} does not exist"
        return Problem(INVALID_CA_CERTIFICATE_REF, message, at)
    if reading(graph, Credential(key, SecretUse.TRUST)) is None:
        message = f"{key.display_name} does not hold certificates of authorities in ca.crt"
        return Problem(INVALID_CA_CERTIFICATE_REF, message, at)
    if key.kind == CONFIG_MAP:
        return Named(SecretName(f"configmap://{key.namespace}/{key.name}{CA_SUFFIX}"))
    return _named(key, home, f"{key.name}{CA_SUFFIX}")


def _holder(key: ObjectKey) -> ObjectKey[Secret | ConfigMap] | None:
    if key_is_of(key, SECRET):
        return key
    return key if key_is_of(key, CONFIG_MAP) else None


def _named(key: ObjectKey, home: Namespace, name: str) -> Named:
    secret = SecretName(f"kubernetes-gateway://{key.namespace}/{name}")
    return Named(secret, is_foreign=key.namespace != home)


def _not_granted(at: FieldRef, owner: ObjectKey, key: ObjectKey) -> Problem:
    named = f"{key.kind.name} {key.namespace}/{key.name}"
    return Problem(
        NOT_PERMITTED,
        f"{named} is in another namespace, and no ReferenceGrant there lets {owner.kind.name}s of "
        f"{owner.namespace} refer to it",
        at,
        withheld=key,
    )
