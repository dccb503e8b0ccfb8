"""Requests to try: what a gateway was sent becomes commands that work when they are pasted."""

import shlex
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from envoy.config.listener.v3.listener_components_pb2 import FilterChain
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_components_pb2 import Route, RouteAction, VirtualHost
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.network.tcp_proxy.v3.tcp_proxy_pb2 import TcpProxy
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from envoy.extensions.transport_sockets.tls.v3.tls_pb2 import DownstreamTlsContext

from controlplane.base.hosts import short_name
from controlplane.cli.envoy_json import (
    chains,
    inline,
    route_table,
    secret_names,
    tcp_proxy,
    tls_context,
    trust_names,
)
from controlplane.cli.envoy_words import (
    by_domain,
    clusters_of,
    clusters_of_stream,
    destination,
    is_conditional,
    leads_to,
    redirects_to_https,
    streams_to,
)

_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}
"""Where to connect when a listener is on all addresses."""
_SOME_NAME: Final = "any"  # stands for the star of *.example.com


@dataclass(frozen=True, slots=True)
class Trial:
    """A command and its expected result; without a command, what cannot be tried and why."""

    command: str
    expected: str


@dataclass(frozen=True, slots=True)
class Roots:
    """Certificates that sign others, and the file that curl is given."""

    certificates: tuple[x509.Certificate, ...]
    file: Path

    def signed(self, certificate: x509.Certificate) -> bool:
        return any(_signed(certificate, root) for root in self.certificates)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a gateway was sent, as far as it decides which requests are accepted."""

    listeners: tuple[Listener, ...]
    tables: Mapping[str, RouteConfiguration]
    secrets: tuple[Secret, ...]
    is_empty: Callable[[str], bool] = lambda _: False
    """Whether the cluster of a name has no endpoint that may be used, or there is none."""
    is_missing: Callable[[str], bool] = lambda _: False
    """Whether there is no cluster of a name."""


def trials(
    resources: Resources, roots: Roots, *, without: Set[str] = frozenset()
) -> Iterator[Trial]:
    """A command for each host of each listener but those ``without``, in their order."""
    secrets = {secret.name: leaf(secret) for secret in resources.secrets}
    for listener in resources.listeners:
        where = _where(listener)
        if where is None or listener.name in without:
            continue
        for chain in chains(listener):
            context = tls_context(chain)
            if context is not None:
                names = secret_names(context)
                shown = next((found for n in names if (found := secrets.get(n))), None)
                missing = _missing(context, secrets)
                if missing:
                    yield _closed(chain, where, missing)
                else:
                    yield from _secure(chain, context, where, resources, roots, shown)
            else:
                yield from _plain(chain, where, resources)


def leaf(secret: Secret) -> x509.Certificate | None:
    """The certificate that the secret's holder presents; ``None`` where it is not inline."""
    try:
        return x509.load_pem_x509_certificates(inline(secret.tls_certificate.certificate_chain))[0]
    except ValueError:
        return None


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names that it is valid for."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(found.value.get_values_for_type(x509.DNSName))


def _where(listener: Listener) -> str | None:
    """``HOST:PORT`` to connect to."""
    if not listener.address.HasField("socket_address"):
        return None
    address = listener.address.socket_address
    host = _ANY.get(address.address, address.address)
    bracketed = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{bracketed}:{address.port_value}"


def _missing(context: DownstreamTlsContext, secrets: Container[str]) -> tuple[str, ...]:
    """The secrets without which a TLS server is closed: all of its certificates, or what client
    certificates are verified with.
    """
    names = secret_names(context)
    own = () if any(name in secrets for name in names) else names
    return (*own, *(name for name in trust_names(context) if name not in secrets))


def _closed(chain: FilterChain, where: str, names: Iterable[str]) -> Trial:
    """Why connections to a TLS server are closed."""
    hosts = ", ".join(chain.filter_chain_match.server_names) or "every name"
    secrets = ", ".join(name.removeprefix("kubernetes://") for name in names)
    text = f"TLS on {where} for {hosts} is closed: there is no usable certificate in {secrets}"
    return Trial("", text)


def _plain(chain: FilterChain, where: str, resources: Resources) -> Iterator[Trial]:
    proxy, table = tcp_proxy(chain), route_table(chain)
    if proxy is not None:
        if chain.filter_chain_match.server_names:
            yield from _passed_through(chain, where, _streams(proxy, resources))
        else:
            host, _, port = where.rpartition(":")
            yield Trial(_command("nc", host.strip("[]"), port), _streams(proxy, resources))
    for virtual_host, domain in _domains(resources.tables.get(table or "")):
        path, expected = _path(virtual_host, resources)
        header = () if domain == "*" else ("-H", f"Host: {_concrete(domain)}")
        shows = ("-i",) if redirects_to_https(virtual_host) else ()
        yield Trial(_command("curl", *shows, *header, f"http://{where}{path}"), expected)


def _secure(
    chain: FilterChain,
    context: DownstreamTlsContext,
    where: str,
    resources: Resources,
    roots: Roots,
    certificate: x509.Certificate | None,
) -> Iterator[Trial]:
    own = names_of(certificate) if certificate is not None else ()
    asked = chain.filter_chain_match.server_names
    proxy, table = tcp_proxy(chain), route_table(chain)
    if proxy is not None:
        name = _first_concrete((*asked, *own))
        command = _command("openssl", "s_client", "-connect", where, "-servername", name)
        yield Trial(command, _streams(proxy, resources))
    client: tuple[str, ...] = ()
    before = ""
    if context.require_client_certificate.value:
        client = ("--cert", "client.crt", "--key", "client.key")
        state = ("--state", str(roots.file.parent))
        needed = _command("controlplane", "cert", "client", "--client", "--out", ".", *state)
        before = f"; before: {needed}"
    for virtual_host, domain in _domains(resources.tables.get(table or "")):
        path, expected = _path(virtual_host, resources)
        if domain == "*":
            name = _first_concrete([n for n in (*asked, *own) if not asked or _fits(n, asked)])
        else:
            name = _concrete(domain)
        is_trusted = certificate is not None and roots.signed(certificate) and _fits(name, own)
        trust = ("--cacert", str(roots.file)) if is_trusted else ("--insecure",)
        words = ("curl", *trust, *client, "--connect-to", f"::{where}", f"https://{name}{path}")
        yield Trial(_command(*words), f"{expected}{before}")


def _passed_through(chain: FilterChain, where: str, cluster: str) -> Iterator[Trial]:
    for name in chain.filter_chain_match.server_names:
        url = f"https://{_concrete(name)}/"
        yield Trial(_command("curl", "--insecure", "--connect-to", f"::{where}", url), cluster)


def _domains(table: RouteConfiguration | None) -> Iterator[tuple[VirtualHost, str]]:
    """The virtual hosts that answer something else than 404, with their first domains."""
    for virtual_host in by_domain(table) if table is not None else ():
        if virtual_host.domains and (virtual_host.routes or redirects_to_https(virtual_host)):
            yield virtual_host, virtual_host.domains[0]


def _path(virtual_host: VirtualHost, resources: Resources) -> tuple[str, str]:
    """A path that needs nothing but itself, ``/`` where that is one, and what it answers."""
    if redirects_to_https(virtual_host):
        return "/", "301 to https"
    simple = [
        (path, route)
        for route in virtual_host.routes
        if not is_conditional(route.match) and (path := _simple_path(route)) is not None
    ]
    found = next(((p, r) for p, r in simple if p == "/"), simple[0] if simple else None)
    if found is None:
        return "/", "404, unless a request has the headers or the path that a route asks for"
    path, route = found
    failing = _failing(clusters_of(route), resources, "503", missing=_of_missing(route))
    return path, f"{leads_to(route)}{failing}"


def _of_missing(route: Route) -> str:
    """What requests of a route to a cluster that is not there get."""
    answer = route.route.cluster_not_found_response_code
    return "500" if answer == RouteAction.INTERNAL_SERVER_ERROR else ""


def _streams(proxy: TcpProxy, resources: Resources) -> str:
    failing = _failing(clusters_of_stream(proxy), resources, "closed")
    return f"{streams_to(proxy)}{failing}"


def _failing(
    clusters: Sequence[str], resources: Resources, answer: str, *, missing: str = ""
) -> str:
    """What is answered instead where clusters have no endpoint, and how they get one. ``missing``
    is the answer of one that is not there, where it is another.
    """
    lacking = [cluster for cluster in dict.fromkeys(clusters) if resources.is_empty(cluster)]
    if not lacking:
        return ""
    _, _, subset, host = (*lacking[0].split("|"), "", "", "", "")[:4]
    which = "" if len(lacking) == len(set(clusters)) else f" by {destination(lacking[0])}"
    if missing and resources.is_missing(lacking[0]):
        return f" → {missing}{which}: it does not exist"
    name = f"{short_name(host)}{f'/{subset}' if subset else ''}"
    how = f"; --local {name}=PORT connects it" if host else ""
    return f" → {answer}{which}: it has no endpoints{how}"


def _simple_path(route: Route) -> str | None:
    match = route.match
    return match.path or match.prefix or match.path_separated_prefix or None


def _concrete(pattern: str) -> str:
    return pattern.replace("*", _SOME_NAME, 1)


def _first_concrete(names: Iterable[str]) -> str:
    known = [name for name in names if name != "*"]
    exact = [name for name in known if "*" not in name]
    return next(iter(exact), None) or _concrete(next(iter(known), "localhost"))


def _fits(name: str, patterns: Sequence[str]) -> bool:
    """Whether ``name`` is one of ``patterns``, or below one of their stars."""
    lower = name.lower()
    return any(
        lower == p.lower() or (p.startswith("*.") and lower.endswith(p[1:].lower()))
        for p in patterns
    )


def _signed(certificate: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(root)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _command(*words: str) -> str:
    return " ".join(shlex.quote(word) for word in words)
