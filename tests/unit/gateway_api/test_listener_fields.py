"""What is reported of fields of a listener that do nothing, or what nobody meant."""

import pytest

from tests.support.declared import Declared
from tests.support.kubernetes_gateways import gateway, listener_set

AT = "Gateway/default/edge.spec.listeners[0]"
TLS = "tls: {certificateRefs: [{name: shop}], options: "
MODE = "gateway.istio.io/tls-terminate-mode"
CLASSES = ("istio", "controlplane")


def reported(listener: str, named: str = "istio") -> list[tuple[str, str, str | None]]:
    """Place, message and hint of what is reported as without effect."""
    found = Declared(gateway(listener, more=f"gatewayClassName: {named}")).diagnostics()
    return [(str(d.place), d.message, d.hint) for d in found if d.code.id == "CP0210"]


def admitting(namespaces: str) -> str:
    return f"{{name: a, port: 80, protocol: HTTP, allowedRoutes: {{namespaces: {namespaces}}}}}"


def with_option(name: str, value: str) -> str:
    return f"{{name: a, port: 443, protocol: HTTPS, {TLS}{{{name}: {value}}}}}}}"


@pytest.mark.parametrize(
    ("named", "who"), [("istio", "routes of every namespace"), ("controlplane", "no routes")]
)
def test_a_selector_that_is_missing_is_reported_with_who_may_attach(named: str, who: str) -> None:
    assert reported(admitting("{from: Selector}"), named) == [
        (
            f"{AT}.allowedRoutes.namespaces.from",
            f"from: Selector without a selector: {who} may attach",
            "add selector: {matchLabels: {LABEL: VALUE}}",
        )
    ]


@pytest.mark.parametrize("chosen", ["Same", "All"])
def test_a_selector_that_is_not_used_is_reported(chosen: str) -> None:
    found = reported(admitting(f"{{from: {chosen}, selector: {{matchLabels: {{a: b}}}}}}"))

    assert found == [
        (
            f"{AT}.allowedRoutes.namespaces.selector",
            f"the selector has no effect, because from is {chosen}",
            "write from: Selector",
        )
    ]


def test_a_selector_that_is_used_is_not_reported() -> None:
    assert reported(admitting("{from: Selector, selector: {matchLabels: {a: b}}}")) == []


@pytest.mark.parametrize("named", CLASSES)
def test_https_without_tls_is_reported_at_the_listener(named: str) -> None:
    listener = "{name: a, port: 443, protocol: HTTPS}"

    found = Declared(gateway(listener, more=f"gatewayClassName: {named}")).reported()

    assert found == {f"CP0713 {AT}"}


def test_a_terminate_mode_that_does_not_exist_is_reported_for_listener_sets_too() -> None:
    opened = "gatewayClassName: istio\n  allowedListeners: {namespaces: {from: Same}}"
    listener = with_option(MODE, "MUTAUL")
    http = "{name: http, port: 80, protocol: HTTP}"
    found = Declared(gateway(http, more=opened) + listener_set(listener)).diagnostics()

    (mode,) = [each for each in found if each.code.id == "CP0210"]
    assert (
        mode.message == '"MUTAUL" is not a mode, so certificates of clients are not verified by it'
    )
    assert mode.hint == "write MUTUAL"


@pytest.mark.parametrize(
    ("name", "value", "message", "hint"),
    [
        (
            "gateway.istio.io/tls-terminate-mod",
            "MUTUAL",
            'the option "gateway.istio.io/tls-terminate-mod" has no effect',
            f"write {MODE}",
        ),
        (
            "minProtocolVersion",
            "TLSV1_3",
            'the option "minProtocolVersion" has no effect',
            "known are gateway.istio.io/listener-protocol, gateway.istio.io/tls-cipher-suites, "
            "gateway.istio.io/tls-terminate-mode",
        ),
        (
            "gateway.istio.io/tls-cipher-suites",
            '"AES128-SHA, TLS_AES_X"',
            '"TLS_AES_X" is not a cipher that Envoy knows, so it is left out',
            None,
        ),
    ],
)
def test_an_option_that_does_nothing_is_reported(
    name: str, value: str, message: str, hint: str | None
) -> None:
    assert [found[1:] for found in reported(with_option(name, value))] == [(message, hint)]


@pytest.mark.parametrize(
    "mode", ["SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL", "ISTIO_SIMPLE", "ISTIO_MUTUAL"]
)
def test_a_terminate_mode_that_exists_is_not_reported(mode: str) -> None:
    assert reported(with_option(MODE, mode)) == []


CA = (
    "tls: {frontend: {default: {validation: "
    "{caCertificateRefs: [{group: '', kind: ConfigMap, name: a}]}}}}"
)


@pytest.mark.parametrize(
    ("listener", "more", "found"),
    [
        ("{name: a, port: 80, protocol: HTTP}", "", ["add a listener of HTTPS"]),
        (f"{{name: a, port: 443, protocol: HTTPS, {TLS}{{}}}}}}", "", []),
        (
            "{name: a, port: 80, protocol: HTTP}",
            "\n  allowedListeners: {namespaces: {from: Same}}",
            [],
        ),
    ],
)
def test_the_verification_of_clients_that_no_listener_does_is_reported(
    listener: str, more: str, found: list[str]
) -> None:
    declared = Declared(gateway(listener, more=f"gatewayClassName: istio{more}\n  {CA}"))

    hints = [
        each.hint
        for each in declared.diagnostics()
        if str(each.place) == "Gateway/default/edge.spec.tls.frontend"
    ]
    assert hints == found
