"""What of a listener is written and does nothing, or does what nobody meant: TLS that is missing,
options that are not known, a selector that is not used.

No condition tells of these, as with Istio.
"""

from typing import Final

from controlplane.base.codes import LISTENER_CERTIFICATE, NO_EFFECT
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Kind
from controlplane.base.nearest import nearest
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY, KubernetesGateway
from controlplane.kinds.gateway_api.listener import (
    FromNamespaces,
    Listener,
    ListenerTls,
    RouteFromNamespaces,
    RouteNamespaces,
)
from controlplane.model.gateway_api import Conformance
from controlplane.translate.ciphers import is_cipher
from controlplane.translate.gateway_api.listener import LISTENER_MODE
from controlplane.translate.gateway_api.listener_tls import (
    CIPHER_SUITES,
    TERMINATE_MODE,
    TERMINATE_MODES,
)

_OPTIONS: Final = (TERMINATE_MODE, CIPHER_SUITES, LISTENER_MODE)


def check_listener_fields(
    report: Report, at: FieldRef, listener: Listener, conformance: Conformance
) -> None:
    _check_namespaces(
        report,
        at / "allowedRoutes" / "namespaces",
        listener.allowed_routes.namespaces,
        conformance,
    )
    if listener.tls is not None:
        _check_options(report, at / "tls" / "options", listener.tls)
    elif listener.protocol == "HTTPS" and _is_silent(at.object.kind, conformance):
        message = "protocol HTTPS without tls has no certificate to show"
        hint = "add tls: {certificateRefs: [{name: SECRET}]}"
        report.add(LISTENER_CERTIFICATE, at, message, hint=hint)


def check_frontend(report: Report, at: FieldRef, gateway: KubernetesGateway) -> None:
    """Say that no listener verifies clients, though the Gateway says how; ListenerSets may add one
    where they are allowed.
    """
    if gateway.tls is None or gateway.tls.frontend is None or _may_have_https(gateway):
        return
    message = "no listener has protocol HTTPS, so no client is verified"
    report.add(NO_EFFECT, at / "tls" / "frontend", message, hint="add a listener of HTTPS")


def _may_have_https(gateway: KubernetesGateway) -> bool:
    allowed = gateway.allowed_listeners
    if allowed is not None and allowed.namespaces.from_ is not FromNamespaces.NONE:
        return True
    return any(listener.protocol == "HTTPS" for listener in gateway.listeners)


def _is_silent(kind: Kind, conformance: Conformance) -> bool:
    """Whether conditions do not tell that TLS is missing."""
    return conformance is Conformance.ISTIO and kind == KUBERNETES_GATEWAY


def _check_namespaces(
    report: Report, at: FieldRef, allowed: RouteNamespaces, conformance: Conformance
) -> None:
    by_selector = allowed.from_ is RouteFromNamespaces.SELECTOR
    if allowed.selector is not None and not by_selector:
        message = f"the selector has no effect, because from is {allowed.from_.value}"
        report.add(NO_EFFECT, (at / "selector").key, message, hint="write from: Selector")
    if by_selector and allowed.selector is None:
        who = "routes of every namespace" if conformance is Conformance.ISTIO else "no routes"
        message = f"from: Selector without a selector: {who} may attach"
        hint = "add selector: {matchLabels: {LABEL: VALUE}}"
        report.add(NO_EFFECT, at / "from", message, hint=hint)


def _check_options(report: Report, at: FieldRef, tls: ListenerTls) -> None:
    for name in tls.options:
        if name not in _OPTIONS:
            near = nearest(name, _OPTIONS)
            hint = f"write {near}" if near else f"known are {', '.join(sorted(_OPTIONS))}"
            report.add(NO_EFFECT, (at / name).key, f'the option "{name}" has no effect', hint=hint)
    mode = tls.options.get(TERMINATE_MODE, "")
    if mode and mode not in TERMINATE_MODES:
        near = nearest(mode, TERMINATE_MODES)
        message = f'"{mode}" is not a mode, so certificates of clients are not verified by it'
        hint = f"write {near}" if near else f"choose from {', '.join(TERMINATE_MODES)}"
        report.add(NO_EFFECT, at / TERMINATE_MODE, message, hint=hint)
    for word in tls.options.get(CIPHER_SUITES, "").split(","):
        if word.strip() and not is_cipher(word.strip()):
            message = f'"{word.strip()}" is not a cipher that Envoy knows, so it is left out'
            report.add(NO_EFFECT, at / CIPHER_SUITES, message)
