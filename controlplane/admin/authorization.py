"""What the admin interface shows of who may call a workload: ``/api/v1/authz/WORKLOAD``."""

from collections.abc import Mapping

from controlplane.admin.view import DeclaredObject, View


class AskedCall(View, frozen=True):
    """A call that is asked about; what is unset is not known, or there is no such.

    ``principal``: ``spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT``, the same without the scheme, or
    ``NAMESPACE/ACCOUNT`` in the mesh's trust domain; without one the caller shows no certificate.
    ``ip`` is the client's, ``peer_ip`` the connection's, where that is another. ``token`` is a JWT;
    ``claims`` are of one that is taken to be good, and count besides. ``tcp``: nothing but the
    connection is read.
    """

    principal: str | None = None
    method: str | None = None
    host: str | None = None
    path: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    port: int | None = None
    ip: str | None = None
    peer_ip: str | None = None
    sni: str | None = None
    token: str | None = None
    claims: Mapping[str, object] | None = None
    tcp: bool = False


class ShownRule(View, frozen=True):
    """The ``index``-th rule of a policy in a line of text, with its place. ``on_tcp`` says what is
    different for connections that are not read as requests; empty where nothing is.
    """

    index: int
    text: str
    path: str = ""
    line: int = 0
    on_tcp: str = ""


class ShownPolicy(DeclaredObject, frozen=True):
    """``note``: what else decides about it, a dry run for example."""

    rules: tuple[ShownRule, ...] = ()
    note: str = ""


class Step(View, frozen=True):
    """What a proxy does with a call, of CUSTOM, TOKENS, AUDIT, DENY and ALLOW."""

    step: str
    policies: tuple[ShownPolicy, ...]


class Miss(View, frozen=True):
    """The rule that a call comes nearest to, and what of it is not true of the call."""

    policy: DeclaredObject
    rule: ShownRule
    failed: tuple[str, ...]


class Decided(View, frozen=True):
    """What becomes of the call and why. ``policy`` and ``rule``: what decides, where one does.
    ``asked`` are providers that are asked before the call is admitted, ``audited`` the policies of
    action AUDIT that mark it. ``notes``: what the answer rests on.
    """

    admitted: bool
    reason: str
    policy: DeclaredObject | None = None
    rule: ShownRule | None = None
    nearest: Miss | None = None
    asked: tuple[str, ...] = ()
    audited: tuple[DeclaredObject, ...] = ()
    notes: tuple[str, ...] = ()


class WorkloadAuthorization(View, frozen=True):
    """Who may call a workload or a gateway: ``steps`` in the order of evaluation, then what becomes
    of a call that no rule is about. ``ports`` are those that services lead to, with what is read
    there (``HTTP``, ``TCP``). ``decided`` is set where a call is asked about.
    """

    workload: str
    connected: bool
    labels: Mapping[str, str]
    ports: tuple[tuple[int, str], ...]
    steps: tuple[Step, ...]
    otherwise: str
    decided: Decided | None = None
