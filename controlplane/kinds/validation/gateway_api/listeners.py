"""Rules of listeners, of a Gateway's addresses and of the labels of its infrastructure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from controlplane.base.codes import (
    MISSING_FIELD,
    NOT_UNIQUE,
    VALUE_MALFORMED,
)
from controlplane.kinds.gateway_api.gateway import (
    GatewayAddress,
    GatewayInfrastructure,
    KubernetesGateway,
)
from controlplane.kinds.gateway_api.listener import Listener, ListenerTls, TlsMode
from controlplane.kinds.gateway_api.listener_set import ListenerSet
from controlplane.kinds.gateway_api.text import DOMAIN, HOSTNAME_PATTERN
from controlplane.kinds.validation.gateway_api.lenient_ip import is_lenient_ip
from controlplane.kinds.validation.gateway_api.rule import Fault, Rule, rule

_HOSTNAME: Final = re.compile(HOSTNAME_PATTERN)
_NUMBERS: Final = re.compile(r"[0-9.]+")
_LABEL_KEY: Final = re.compile(rf"({DOMAIN}/)?([A-Za-z0-9][-A-Za-z0-9_.]{{0,61}})?[A-Za-z0-9]")
_PREFIX_LIMIT: Final = 252  # the CRD's message says 253, its rule "< 253"
_WITHOUT_TLS: Final = ("HTTP", "TCP", "UDP")
_WITHOUT_HOSTNAME: Final = ("TCP", "UDP")


def tls_and_protocol(listener: Listener) -> Iterator[Fault]:
    """TLS goes with HTTPS, which ends it, and with TLS, which says what to do with it."""
    protocol, tls = listener.protocol, listener.tls
    if tls is not None and protocol in _WITHOUT_TLS:
        hint = "use protocol: HTTPS, or remove tls" if protocol == "HTTP" else "remove tls"
        if protocol == "TCP":
            hint = "use protocol: TLS, or remove tls"
        yield Fault(("tls",), f"a listener of protocol {protocol} has no tls", hint)
    elif tls is not None and protocol == "HTTPS" and tls.mode is not TlsMode.TERMINATE:
        hint = "use protocol: TLS, or mode: Terminate"
        yield Fault(("tls", "mode"), "a listener of protocol HTTPS ends TLS", hint)
    elif tls is None and protocol == "TLS":
        message = "a listener of protocol TLS needs tls"
        hint = "add tls: {mode: Passthrough}, or certificateRefs for mode: Terminate"
        yield Fault((), message, hint, MISSING_FIELD)


def hostname_and_protocol(listener: Listener) -> Iterator[Fault]:
    if listener.hostname and listener.protocol in _WITHOUT_HOSTNAME:
        message = f"a listener of protocol {listener.protocol} cannot tell hostnames apart"
        yield Fault(("hostname",), message, "remove hostname")


def has_certificate(tls: ListenerTls) -> Iterator[Fault]:
    """Options may name a certificate too, so they will do."""
    if tls.mode is TlsMode.TERMINATE and not tls.certificate_refs and not tls.options:
        message = "tls that ends here (mode: Terminate) needs certificateRefs"
        hint = "add certificateRefs: [{name: SECRET}], or write mode: Passthrough"
        yield Fault((), message, hint, MISSING_FIELD)


def listeners_differ(owner: KubernetesGateway | ListenerSet) -> Iterator[Fault]:
    """No two have the same port, protocol and hostname."""
    first: dict[tuple[int, str, str], str] = {}
    for i, listener in enumerate(owner.listeners):
        socket = (listener.port, listener.protocol, listener.hostname)
        if socket in first:
            of = f' and hostname "{listener.hostname}"' if listener.hostname else ""
            message = (
                f'listener "{first[socket]}" already has port {listener.port}, '
                f"protocol {listener.protocol}{of or ', no hostname'}"
            )
            yield Fault(("listeners", i), message, "give one a hostname of its own", NOT_UNIQUE)
        first.setdefault(socket, listener.name)


def address_value(address: GatewayAddress) -> Iterator[Fault]:
    """Types that are not spelled exactly so are the user's own."""
    value = address.value
    if value is None:
        return
    if address.type == "IPAddress" and not is_lenient_ip(value):
        is_name = _HOSTNAME.search(value) and _NUMBERS.fullmatch(value) is None
        hint = (
            "write type: Hostname beside it" if is_name else "write it as 192.0.2.1 or 2001:db8::1"
        )
        yield Fault(("value",), f'"{value}" is not an IP address', hint, VALUE_MALFORMED)
    if address.type == "Hostname" and _HOSTNAME.search(value) is None:
        hint = "leave it out for any" if not value else "write it in lower case, without a port"
        yield Fault(("value",), f'"{value}" is not a hostname', hint, VALUE_MALFORMED)


def addresses_differ(gateway: KubernetesGateway) -> Iterator[Fault]:
    """By text; addresses of other types may repeat."""
    seen: Counter[tuple[str, str]] = Counter()
    for i, address in enumerate(gateway.addresses):
        if address.value is not None and address.type in ("IPAddress", "Hostname"):
            seen[address.type, address.value] += 1
            if seen[address.type, address.value] == 2:
                message = f'the address "{address.value}" is listed twice'
                yield Fault(("addresses", i, "value"), message, "remove one", NOT_UNIQUE)


def keys_of_infrastructure(infrastructure: GatewayInfrastructure) -> Iterator[Fault]:
    yield from _keys("labels", infrastructure.labels)
    yield from _keys("annotations", infrastructure.annotations)


def _keys(field: str, entries: Mapping[str, str]) -> Iterator[Fault]:
    for key in entries:
        prefix, _, _ = key.partition("/")
        if _LABEL_KEY.fullmatch(key) is None:
            hint = "write NAME or DOMAIN/NAME, the name of at most 63 characters"
            yield Fault((field, key), f'"{key}" is not a valid key', hint, VALUE_MALFORMED)
        elif len(prefix) > _PREFIX_LIMIT:
            message = f"the key's prefix is {len(prefix)} characters long (at most {_PREFIX_LIMIT})"
            yield Fault((field, key), message, None, VALUE_MALFORMED)


RULES: Final[tuple[Rule, ...]] = (
    rule(Listener, tls_and_protocol),
    rule(Listener, hostname_and_protocol),
    rule(ListenerTls, has_certificate),
    rule(KubernetesGateway, listeners_differ),
    rule(ListenerSet, listeners_differ),
    rule(GatewayAddress, address_value),
    rule(KubernetesGateway, addresses_differ),
    rule(GatewayInfrastructure, keys_of_infrastructure),
)
