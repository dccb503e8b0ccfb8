"""What is shown of who may call a workload: its policies, and what becomes of one call.

It asks the values that the proxy's filters are encoded from.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, assert_never

from controlplane.admin.authorization import (
    AskedCall,
    Decided,
    Miss,
    ShownPolicy,
    ShownRule,
    Step,
    WorkloadAuthorization,
)
from controlplane.admin.view import DeclaredObject
from controlplane.base.hosts import is_ip
from controlplane.base.locations import FieldRef
from controlplane.base.names import Host, ObjectKey, PortNumber
from controlplane.engine.engine import Engine
from controlplane.kinds.core.pod import POD
from controlplane.kinds.istio.authorization_policy import Action, AuthorizationPolicy
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY
from controlplane.kinds.object import Object
from controlplane.model import authorization_verdict as verdict
from controlplane.model.authorization import Authorization, PeerIs, Rule, Transport, Verdict
from controlplane.model.authorization_words import failed, is_unknown
from controlplane.model.external_authorization import CustomRules
from controlplane.model.http_settings import ListenerContext
from controlplane.model.mtls import MtlsMode
from controlplane.model.plan.policy_filters import PolicyFilters
from controlplane.model.policy_keys import PolicyKeys
from controlplane.model.proxy import Proxy, ResolvedProxy, Role
from controlplane.model.token_verification import Refusal, verified
from controlplane.model.tokens import JwtAuthentication
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.policy.attachment import policy_keys
from controlplane.queries.policy.authorization import policy_rules
from controlplane.queries.policy.peer_policies import mtls_policy, peer_levels
from controlplane.queries.policy.policy_filters import REFUSING, policy_filters
from controlplane.queries.registry.proxies import resolved_or_as_it_says
from controlplane.queries.registry.services import service_of
from controlplane.serve import authorization_words as words
from controlplane.translate.istio.authorization_policy import is_dry_run

ORDER: Final = (Action.CUSTOM, None, Action.AUDIT, Action.DENY, Action.ALLOW)
"""As proxies evaluate them; ``None`` stands for the tokens."""
UNREADABLE: Final = "an internal error keeps the policies from being known"


@dataclass(frozen=True, slots=True)
class AuthorizationView:
    """Reads the engine."""

    engine: Engine
    now: datetime

    def shown(
        self, proxy: Proxy, call: AskedCall | None, *, is_connected: bool
    ) -> WorkloadAuthorization:
        resolved = resolved_or_as_it_says(self.engine.graph, proxy)
        keys = policy_keys(self.engine.graph, resolved.namespace, resolved.labels)
        return WorkloadAuthorization(
            workload=f"{proxy.name}.{proxy.namespace}",
            connected=is_connected,
            labels=dict(resolved.labels),
            ports=tuple(self._ports(resolved)),
            steps=tuple(self._steps(keys)),
            otherwise=self._otherwise(keys),
            decided=self._decided(proxy, resolved, keys, call) if call is not None else None,
        )

    def declared(self, name: str) -> Proxy | None:
        """The workload of a WorkloadEntry or Pod ``NAME`` or ``NAME.NAMESPACE``, as a sidecar that
        is not connected.
        """
        for kind in (WORKLOAD_ENTRY, POD):
            for found in self.engine.objects(kind):
                if name in (found.key.name, f"{found.key.name}.{found.namespace}"):
                    return _sidecar_of(found)
        return None

    def _ports(self, resolved: ResolvedProxy) -> Iterator[tuple[int, str]]:
        for port in sorted({target.target for target in resolved.targets}):
            yield port, " and ".join(sorted(self._read_at(resolved, port)))

    def _read_at(self, resolved: ResolvedProxy, port: int) -> frozenset[str]:
        """What services say is spoken on a port of the workload: HTTP, TCP or either."""
        found = set[str]()
        for target in resolved.targets:
            service = service_of(self.engine.graph, Host(target.host), resolved.namespace)
            served = service.port(target.port) if service is not None else None
            if target.target == port and served is not None:
                protocol = served.protocol
                is_either = not protocol.value
                found.add("HTTP" if protocol.is_http else "detected" if is_either else "TCP")
        return frozenset(found)

    def _steps(self, keys: PolicyKeys) -> Iterator[Step]:
        refused = self._refused(keys)
        for action in ORDER:
            if action is None:
                policies = tuple(self._tokens(keys.tokens))
            else:
                found = (self.engine.object(key) for key in keys.authorization)
                of = (each for each in found if each is not None and each.spec.action is action)
                policies = tuple(self._policy(each, refused) for each in of)
            if policies:
                yield Step(step=action.value if action is not None else "TOKENS", policies=policies)

    def _refused(self, keys: PolicyKeys) -> dict[ObjectKey, str]:
        """Of which CUSTOM policies nobody can be asked, and why."""
        filters = self._filters(keys).http
        return {
            rule.policy: words.refusal(each.refused)
            for each in filters
            if isinstance(each, CustomRules) and each.refused is not None
            for rule in each.rules
        }

    def _filters(self, keys: PolicyKeys, role: Role = Role.SIDECAR) -> PolicyFilters:
        """What they decide is the same at gateways and at sidecars."""
        is_gateway = role is Role.GATEWAY
        context = ListenerContext.GATEWAY if is_gateway else ListenerContext.INBOUND
        return policy_filters(self.engine.graph, keys, context)

    def _policy(
        self, policy: Object[AuthorizationPolicy], refused: dict[ObjectKey, str]
    ) -> ShownPolicy:
        spec, notes = policy.spec, list[str]()
        if is_dry_run(policy):
            notes.append("dry run: decides nothing")
        if spec.action is Action.CUSTOM and spec.provider is not None:
            notes.append(f"asks {spec.provider.name}")
        if policy.key in refused:
            notes.append(refused[policy.key])
        if not spec.rules:
            notes.append(words.no_rules(spec.action))
        path, line = self._location(FieldRef(policy.key))
        return ShownPolicy(
            object=str(policy.key),
            path=path,
            line=line,
            rules=tuple(self._rule(policy, index) for index in range(len(spec.rules))),
            note="; ".join(notes),
        )

    def _rule(self, policy: Object[AuthorizationPolicy], index: int) -> ShownRule:
        path, line = self._location(FieldRef(policy.key, ("spec", "rules", index)))
        on_http, on_tcp = (
            next((each for each in rules or () if each.index == index), None)
            for rules in (
                policy_rules(self.engine.graph, policy.key, transport)
                for transport in (Transport.HTTP, Transport.TCP)
            )
        )
        differs = words.ON_TCP_NARROWER if on_tcp is None else words.ON_TCP_WIDER
        return ShownRule(
            index=index,
            text=words.rule_text(policy.spec.rules[index]),
            path=path,
            line=line,
            on_tcp="" if on_http == on_tcp else differs,
        )

    def _tokens(self, keys: Iterable[ObjectKey]) -> Iterator[ShownPolicy]:
        for key in keys:
            found = self.engine.object(key)
            rules = found.spec.jwt_rules if found is not None else ()
            shown = []
            for index, rule in enumerate(rules):
                path, line = self._location(FieldRef(key, ("spec", "jwtRules", index)))
                text = words.token_text(rule)
                shown.append(ShownRule(index=index, text=text, path=path, line=line))
            path, line = self._location(FieldRef(key))
            yield ShownPolicy(object=str(key), path=path, line=line, rules=tuple(shown))

    def _otherwise(self, keys: PolicyKeys) -> str:
        found = self._filters(keys)
        if found == REFUSING:
            return f"refused: {UNREADABLE}"
        filters = found.http
        allows = any(
            each.verdict is Verdict.ALLOW and each.enforced is not None
            for each in filters
            if isinstance(each, Authorization)
        )
        return "refused" if allows else "allowed"

    def _decided(
        self, proxy: Proxy, resolved: ResolvedProxy, keys: PolicyKeys, asked: AskedCall
    ) -> Decided:
        mode = self._mtls(resolved, asked.port) if proxy.role is Role.SIDECAR else None
        call = self._call(proxy, asked, mode)
        read = self._read_at(resolved, asked.port) if asked.port is not None else frozenset()
        is_tcp = asked.tcp or read == {"TCP"}
        filters = self._filters(keys, proxy.role)
        used = filters.network if is_tcp else filters.http
        if mode is MtlsMode.STRICT and asked.principal is None:
            return Decided(admitted=False, reason=words.NO_IDENTITY)
        if filters == REFUSING:
            return Decided(admitted=False, reason=UNREADABLE)
        found = verdict.decision(used, replace(call, claims=None))
        if found.reason is not verdict.Reason.UNASKABLE:  # that is decided before tokens are
            tokens = next((each for each in used if isinstance(each, JwtAuthentication)), None)
            claims = self._claims(tokens, asked)
            if isinstance(claims, str):
                return Decided(admitted=False, reason=claims)
            call = replace(call, claims=claims)
            found = verdict.decision(used, call)
        return Decided(
            admitted=found.is_admitted,
            reason=words.REASONS[found.reason],
            policy=self._declared(found.rule.policy) if found.rule is not None else None,
            rule=self._shown_rule(found.rule) if found.rule is not None else None,
            nearest=self._miss(found.nearest, call) if found.nearest is not None else None,
            asked=tuple(name for name, _ in found.asked),
            audited=tuple(self._declared(policy) for policy in _policies(found.audited)),
            notes=tuple(_notes(_open(used, found.reason), call, asked, mode, is_tcp=is_tcp)),
        )

    def _claims(
        self, tokens: JwtAuthentication | None, asked: AskedCall
    ) -> Mapping[str, object] | str | None:
        """The claims that rules see of a call, or why its token is refused."""
        if tokens is not None and asked.token is not None:
            found = verified(tokens, asked.token, self.now)
            if isinstance(found, Refusal):
                return f"{found.status}, {found.words}"
            return {**found, **(asked.claims or {})}
        known = words.known_claims(tokens, asked.claims)
        return words.TOKEN_REFUSED if isinstance(known, words.Untaken) else known

    def _mtls(self, resolved: ResolvedProxy, port: int | None) -> MtlsMode:
        graph = self.engine.graph
        policy = mtls_policy(graph, peer_levels(graph, resolved.namespace, resolved.labels).keys)
        return policy.of(PortNumber(port)) if port is not None else policy.mode

    def _call(self, proxy: Proxy, asked: AskedCall, mode: MtlsMode | None) -> verdict.Call:
        name = asked.principal
        if name is not None and name.count("/") == 1:
            domain = mesh_config(self.engine.graph).trust_domain
            namespace, _, account = name.partition("/")
            name = f"{domain}/ns/{namespace}/sa/{account}"
        if name is not None and "://" not in name:
            name = f"spiffe://{name}"
        is_shown = name is not None and mode is not MtlsMode.DISABLE
        return verdict.Call(
            names=(name,) if is_shown and name is not None else (),
            peer_address=asked.peer_ip or asked.ip,
            client_address=asked.ip,
            method=asked.method,
            host=asked.host,
            path=asked.path,
            headers=asked.headers,
            claims=asked.claims,
            port=asked.port,
            address=next(iter(proxy.addresses), None),
            server_name=asked.sni,
        )

    def _miss(self, miss: verdict.Miss, call: verdict.Call) -> Miss:
        return Miss(
            policy=self._declared(miss.rule.policy),
            rule=self._shown_rule(miss.rule),
            failed=tuple(failed(clause, call) for clause in miss.failed)
            or ("it never matches a call",),
        )

    def _shown_rule(self, rule: Rule) -> ShownRule:
        policy = self.engine.object(rule.policy)
        if policy is not None and rule.index < len(policy.spec.rules):
            return self._rule(policy, rule.index)
        return ShownRule(index=rule.index, text="no rules")

    def _declared(self, key: ObjectKey) -> DeclaredObject:
        path, line = self._location(FieldRef(key))
        return DeclaredObject(object=str(key), path=path, line=line)

    def _location(self, place: FieldRef) -> tuple[str, int]:
        found = self.engine.location(place)
        return (str(found.path), found.line) if found is not None else ("", 0)


def _sidecar_of(found: Object[Any]) -> Proxy:
    """Any: a WorkloadEntry or a Pod."""
    spec = found.spec
    is_entry = found.kind == WORKLOAD_ENTRY
    return Proxy(
        name=found.key.name,
        role=Role.SIDECAR,
        namespace=found.namespace,
        labels=tuple(sorted((spec.labels if is_entry else found.labels).items())),
        service_account=spec.service_account if is_entry else spec.spec.service_account_name,
        addresses=tuple(
            each for each in (spec.address if is_entry else spec.status.pod_ip,) if is_ip(each)
        ),
    )


def _policies(rules: Iterable[Rule]) -> Iterable[ObjectKey]:
    return dict.fromkeys(rule.policy for rule in rules)


def _open(filters: Sequence[object], reason: verdict.Reason) -> tuple[object, ...]:
    """The filters that might decide otherwise if more were known of the call."""
    match reason:
        case verdict.Reason.UNASKABLE | verdict.Reason.DENIED:
            return ()
        case verdict.Reason.ALLOWED:
            return tuple(
                each
                for each in filters
                if not (isinstance(each, Authorization) and each.verdict is Verdict.ALLOW)
            )
        case verdict.Reason.NOT_ALLOWED | verdict.Reason.UNRESTRICTED:
            return tuple(filters)
    assert_never(reason)


def _notes(
    filters: Sequence[object],
    call: verdict.Call,
    asked: AskedCall,
    mode: MtlsMode | None,
    *,
    is_tcp: bool,
) -> Iterator[str]:
    """What the answer rests on."""
    if is_tcp:
        yield words.ONLY_CONNECTION
    if call.claims is None and (asked.claims is not None or asked.token is not None):
        yield words.TOKEN_UNREAD
    elif asked.claims is not None:
        yield words.TOKEN_TAKEN
    if asked.principal is not None and mode is MtlsMode.DISABLE:
        yield "the workload takes plaintext alone (DISABLE), so callers have no identity"
    unknown = (each for each in verdict.conditions(filters) if is_unknown(each, call))
    wanted = dict.fromkeys(words.missing(each) for each in unknown)
    if asked.principal is None:
        wanted.pop("--as", None)
        if any(isinstance(each, PeerIs) for each in verdict.conditions(filters)):
            yield "without --as the caller has no identity"
    if wanted:
        yield f"rules ask for more than is given, which counts as absent: {', '.join(wanted)}"
