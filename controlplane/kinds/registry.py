"""The kinds that are served, each declared in a module of ``declared``, and those that are only
known by name.
"""

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

from controlplane.base.names import Kind
from controlplane.kinds import declared
from controlplane.kinds.served import ServedKind


def _declarations() -> Iterator[ServedKind[Any]]:
    """Any: the struct of each kind is its declaration's."""
    for found in pkgutil.iter_modules(declared.__path__):
        kind = getattr(import_module(f"{declared.__name__}.{found.name}"), "KIND", None)
        if isinstance(kind, ServedKind):
            yield kind


SERVED: Final[Mapping[Kind, ServedKind[Any]]] = {served.kind: served for served in _declarations()}

KNOWN: Final[Mapping[str, frozenset[str]]] = {
    "extensions.istio.io": frozenset({"ExtensionFilter"}),
    "install.istio.io": frozenset({"IstioOperator"}),
    "": frozenset(
        {
            "ServiceAccount",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "ReplicationController",
            "ResourceQuota",
            "LimitRange",
            "Event",
            "PodTemplate",
        }
    ),
    "apps": frozenset({"ReplicaSet", "ControllerRevision"}),
    "batch": frozenset({"Job", "CronJob"}),
    "autoscaling": frozenset({"HorizontalPodAutoscaler"}),
    "policy": frozenset({"PodDisruptionBudget"}),
    "networking.k8s.io": frozenset({"Ingress", "IngressClass", "NetworkPolicy"}),
    "rbac.authorization.k8s.io": frozenset(
        {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
    ),
    "apiextensions.k8s.io": frozenset({"CustomResourceDefinition"}),
    "apiregistration.k8s.io": frozenset({"APIService"}),
    "admissionregistration.k8s.io": frozenset(
        {
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
        }
    ),
    "coordination.k8s.io": frozenset({"Lease"}),
    "scheduling.k8s.io": frozenset({"PriorityClass"}),
    "storage.k8s.io": frozenset({"StorageClass"}),
    "cert-manager.io": frozenset({"Certificate", "Issuer", "ClusterIssuer"}),
    "kustomize.config.k8s.io": frozenset({"Kustomization"}),
}
"""Kinds that are known but not served, by API group."""


def is_known(kind: Kind) -> bool:
    """Whether the kind exists, although it has no effect here."""
    return kind.group in KNOWN and kind.name in KNOWN[kind.group]
