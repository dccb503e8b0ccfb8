"""Gateways of the Gateway API for tests, and the proxies that serve them."""

from controlplane.base.names import Namespace
from controlplane.model.proxy import ResolvedProxy, Role, Target
from tests.support.declared import Declared

EDGE = ResolvedProxy(
    role=Role.GATEWAY,
    namespace=Namespace("default"),
    labels=(("gateway.networking.k8s.io/gateway-name", "edge"),),
)
"""The proxy of ``gateway``."""


def gateway(*listeners: str, name: str = "edge", namespace: str = "default", more: str = "") -> str:
    """A Gateway of Istio's class; ``listeners`` and ``more`` (of its spec) are YAML."""
    return document("Gateway", name, namespace, listeners, more or "gatewayClassName: istio")


def listener_set(
    *listeners: str, name: str = "more", namespace: str = "default", parent: str = "{name: edge}"
) -> str:
    return document("ListenerSet", name, namespace, listeners, f"parentRef: {parent}")


def document(kind: str, name: str, namespace: str, listeners: tuple[str, ...], more: str) -> str:
    lines = "".join(f"  - {listener}\n" for listener in listeners)
    return (
        f"apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\n"
        f"spec:\n  {more}\n  listeners:\n{lines}---\n"
    )


def listening(declared: Declared, proxy: ResolvedProxy = EDGE) -> list[str]:
    """The addresses at which a proxy listens, sorted."""
    return sorted(declared.listeners(proxy))


def behind(*targets: Target, namespace: str = "default") -> ResolvedProxy:
    """A gateway proxy that Services select, without a label."""
    return ResolvedProxy(role=Role.GATEWAY, namespace=Namespace(namespace), targets=targets)
