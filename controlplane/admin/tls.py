"""What the admin interface shows of TLS: the Secrets in use, and what upstreams present.

One struct for each JSON object of ``/api/v1/tls``, as in ``view``. None holds a private key.
"""

from datetime import datetime

from controlplane.admin.view import DeclaredObject, View

# /api/v1/tls


class Certificate(View, frozen=True):
    """``names`` are its subject alternative names: DNS names, addresses, URIs."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    begins: datetime
    ends: datetime


class TlsExpectation(View, frozen=True):
    """What a proxy expects. ``names``: one of these; none: any. ``authorities`` are subjects; empty
    with ``trust``: they are in a file. Without ``trust`` nothing is verified.
    """

    sni: str
    names: tuple[str, ...]
    trust: str | None
    authorities: tuple[str, ...]
    certificate: str | None
    """The secret that the proxy itself presents."""


class ProbedEndpoint(View, frozen=True):
    """``presented`` is the chain, leaf first; empty where there was no handshake."""

    address: str
    good: bool
    message: str
    presented: tuple[Certificate, ...] = ()


class TlsDestination(View, frozen=True):
    """One cluster that uses TLS; ``unprobed`` more endpoints were left out."""

    host: str
    cluster: str
    mode: str
    proxies: tuple[str, ...]
    rules: tuple[DeclaredObject, ...]
    expected: TlsExpectation
    endpoints: tuple[ProbedEndpoint, ...]
    unprobed: int
    good: bool
    message: str


class ProbeResult(View, frozen=True):
    """Whether a proxy presents a certificate that is in force; ``good`` is ``None`` where it was
    not reached, which says nothing of it: its node may name an address that is not one from here.
    """

    proxy: str
    address: str
    server_name: str
    good: bool | None
    message: str


class SecretInUse(View, frozen=True):
    """``certificate`` is the leaf of a key pair, ``authorities`` verify others; both are what is in
    force, also where ``problems`` name a newer form that is not used. ``seen``: what gateways
    present that were sent it.
    """

    declared: DeclaredObject
    certificate: Certificate | None
    authorities: tuple[Certificate, ...]
    users: tuple[DeclaredObject, ...]
    problems: tuple[str, ...]
    seen: tuple[ProbeResult, ...] = ()

    @property
    def is_good(self) -> bool:
        return not self.problems and all(seen.good is not False for seen in self.seen)


class TlsProblem(View, frozen=True):
    """Something else that is wrong with TLS: a Secret that does not exist, for example."""

    declared: DeclaredObject
    problem: str


class TlsState(View, frozen=True):
    destinations: tuple[TlsDestination, ...]
    secrets: tuple[SecretInUse, ...]
    problems: tuple[TlsProblem, ...]

    @property
    def is_good(self) -> bool:
        judged = (*(d.good for d in self.destinations), *(s.is_good for s in self.secrets))
        return all(judged) and not self.problems
