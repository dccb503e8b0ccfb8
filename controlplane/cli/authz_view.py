"""What ``authz`` prints."""

from collections.abc import Iterator

from controlplane.admin.authorization import (
    AskedCall,
    Decided,
    ShownPolicy,
    ShownRule,
    WorkloadAuthorization,
)
from controlplane.admin.view import DeclaredObject, json_text
from controlplane.base.addresses import Address
from controlplane.base.errors import ProxyUnknown
from controlplane.cli import admin_client
from controlplane.cli.output import Segment, Style, printable, say, show
from controlplane.cli.status_view import display_name

Line = list[Segment]


def print_authorization(name: str, call: AskedCall | None, output: str, admin: Address) -> None:
    """Print who may call a workload, or what becomes of ``call``; ``ProxyUnknown`` where no such
    workload is connected or declared.
    """
    found = admin_client.authorization(admin, name, call)
    if found is None:
        proxies = sorted(shown.proxy.full_name for shown in admin_client.status(admin).proxies)
        connected = f"connected are {', '.join(proxies)}" if proxies else "no proxy is connected"
        raise ProxyUnknown(f'no workload "{name}" is connected or declared; {connected}')
    if output == "json":
        say(json_text(found))
    else:
        show(lines(found))


def lines(found: WorkloadAuthorization) -> Iterator[Line]:
    if found.decided is not None:
        yield from _decided(found.decided)
        return
    yield from _heading(found)
    has_tcp = not found.ports or any(read != "HTTP" for _, read in found.ports)
    for step in found.steps:
        yield [(step.step, Style.NAME)]
        for policy in step.policies:
            yield from _policy(policy, has_tcp)
    yield from _otherwise(found)


def _heading(found: WorkloadAuthorization) -> Iterator[Line]:
    connected = [] if found.connected else [("  declared, not connected", Style.QUIET)]
    yield [(printable(found.workload), Style.NAME), *connected]
    labels = ", ".join(f"{name}: {value}" for name, value in sorted(found.labels.items()))
    yield [("  labels  ", Style.QUIET), (printable(labels or "none"), Style.PLAIN)]
    if found.ports:
        ports = ", ".join(f"{port} {read}" for port, read in found.ports)
        yield [("  ports   ", Style.QUIET), (ports, Style.PLAIN)]


def _policy(policy: ShownPolicy, has_tcp: bool) -> Iterator[Line]:
    note = [(f"  {printable(policy.note)}", Style.WARNING)] if policy.note else []
    yield [(f"  {_name(policy)}", Style.PLAIN), *_at(policy.path, policy.line), *note]
    for rule in policy.rules:
        yield _rule(rule)
        if rule.on_tcp and has_tcp:
            yield [(f"            {rule.on_tcp}", Style.QUIET)]


def _rule(rule: ShownRule) -> Line:
    return [
        (f"    rule {rule.index}  ", Style.QUIET),
        (printable(rule.text), Style.PLAIN),
        *_at(rule.path, rule.line),
    ]


def _otherwise(found: WorkloadAuthorization) -> Iterator[Line]:
    steps = {step.step for step in found.steps}
    if found.otherwise not in ("allowed", "refused"):
        words = ""
    elif not steps:
        words = "no policy is attached"
    elif "ALLOW" in steps and found.otherwise == "refused":
        words = "a call that no ALLOW rule matches"
    else:
        words = "a call that no rule refuses"
    style = Style.GOOD if found.otherwise == "allowed" else Style.ERROR
    yield [("otherwise  ", Style.NAME), (found.otherwise, style), (f"  {words}", Style.QUIET)]


def _decided(decided: Decided) -> Iterator[Line]:
    if decided.admitted:
        asked = f" if {' and '.join(decided.asked)} allows it" if decided.asked else ""
        yield [(f"allowed{asked}", Style.GOOD), (f": {printable(decided.reason)}", Style.PLAIN)]
    else:
        yield [("refused", Style.ERROR), (f": {printable(decided.reason)}", Style.PLAIN)]
    if decided.policy is not None and decided.rule is not None:
        yield [(f"  {_name(decided.policy)}", Style.PLAIN), *_place(decided.policy)]
        yield _rule(decided.rule)
    nearest = decided.nearest
    if nearest is not None:
        yield [(f"  nearest is {_name(nearest.policy)}", Style.PLAIN), *_place(nearest.policy)]
        yield _rule(nearest.rule)
        for each in nearest.failed:
            yield [(f"      {printable(each)}", Style.WARNING)]
    for policy in decided.audited:
        yield [(f"  audited by {_name(policy)}", Style.PLAIN), *_place(policy)]
    for note in decided.notes:
        yield [(f"  note: {printable(note)}", Style.QUIET)]


def _name(declared: DeclaredObject) -> str:
    return printable(display_name(declared.object))


def _place(declared: DeclaredObject) -> Line:
    return _at(declared.path, declared.line)


def _at(path: str, line: int) -> Line:
    return [(f"  {printable(path)}:{line}", Style.QUIET)] if path else []
