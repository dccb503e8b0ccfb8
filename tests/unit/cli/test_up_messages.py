"""The lines that ``up`` prints for an edit."""

from datetime import timedelta
from pathlib import Path

from controlplane.base.codes import UNKNOWN_SUBSET
from controlplane.base.diagnostics import Diagnostic
from controlplane.base.locations import FieldRef, SourceLocation
from controlplane.base.names import Kind, Namespace, ObjectKey
from controlplane.cli import up_messages
from controlplane.cli.envoy_processes import Death
from controlplane.cli.output import Segment
from controlplane.engine.edit import Edit
from controlplane.serve.reload import Reload

REVIEWS = ObjectKey(Kind("networking.istio.io", "VirtualService"), Namespace("default"), "reviews")
FILE = Path("mesh/reviews.yaml")


def text(line: list[Segment]) -> str:
    return "".join(part for part, _ in line)


def reload(
    *,
    proxies: int = 1,
    affected: int = 0,
    acknowledged: timedelta | None = timedelta(0, 0, 2345),
    waited: timedelta | None = None,
) -> Reload:
    edit = Edit(revision=2, paths=(FILE,), put=(), removed=(), refused=())
    return Reload(
        edit=edit,
        is_first=False,
        proxies=proxies,
        affected=affected,
        computed=timedelta(milliseconds=1),
        acknowledged=acknowledged,
        waited=waited,
        found=(),
    )


def test_an_edit_names_what_it_changed_and_how_long_proxies_took() -> None:
    line = up_messages.reloaded(up_messages.Changes(changed=(REVIEWS,)), reload(affected=1))

    assert text(line) == "reloaded in 2.3 ms: ~ VirtualService default/reviews → 1 proxy"


def test_an_edit_says_how_long_it_waited_for_its_other_half() -> None:
    whole = reload(affected=1, waited=timedelta(milliseconds=84))

    assert text(up_messages.reloaded(up_messages.Changes(changed=(REVIEWS,)), whole)) == (
        "reloaded in 2.3 ms: ~ VirtualService default/reviews → 1 proxy "
        "(waited 84.0 ms for the rest of the change)"
    )


def test_an_edit_that_proxies_do_not_see_says_so() -> None:
    added = up_messages.Changes(added=(REVIEWS,))

    assert text(up_messages.reloaded(added, reload())) == (
        "reloaded in 2.3 ms: + VirtualService default/reviews → nothing changes for any proxy"
    )
    assert text(up_messages.reloaded(added, reload(proxies=0))) == (
        "reloaded in 2.3 ms: + VirtualService default/reviews → no proxy is connected"
    )


def test_an_edit_without_any_change_names_its_file() -> None:
    line = up_messages.reloaded(up_messages.Changes(paths=(FILE,)), reload())

    assert text(line) == "reloaded in 2.3 ms: mesh/reviews.yaml, no object changed"


def test_a_refused_edit_leaves_its_objects_as_they_were() -> None:
    changes = up_messages.Changes(refused=(REVIEWS,), paths=(FILE,))

    line = up_messages.reloaded(changes, reload())

    assert text(line) == "reloaded in 2.3 ms: mesh/reviews.yaml, its objects stay as they were"


def test_a_proxy_that_does_not_answer_is_reported() -> None:
    changes = up_messages.Changes(removed=(REVIEWS,))

    line = up_messages.reloaded(changes, reload(acknowledged=None, affected=2))

    assert text(line) == (
        "reloaded in 1.0 ms: - VirtualService default/reviews → 2 proxies, "
        "not acknowledged by all proxies within 5 s"
    )


def test_many_objects_are_counted() -> None:
    keys = tuple(ObjectKey(REVIEWS.kind, REVIEWS.namespace, f"r{i}") for i in range(6))

    line = text(up_messages.reloaded(up_messages.Changes(changed=keys), reload(affected=1)))

    assert line.endswith("~ VirtualService default/r3 and 2 more → 1 proxy")


def test_a_fault_that_is_gone_is_said_to_be_fixed_and_one_that_moved_is_not() -> None:
    gone = Diagnostic(code=UNKNOWN_SUBSET, place=FieldRef(REVIEWS), message='no subset "v3"')
    moved = [
        Diagnostic(code=UNKNOWN_SUBSET, place=SourceLocation(FILE, line), message="m")
        for line in (3, 4)
    ]

    assert [text(line) for line in up_messages.fixed([gone, moved[0]], [moved[1]])] == [
        'fixed CP0302: no subset "v3" (VirtualService default/reviews)'
    ]


def test_an_envoy_that_ended_says_why() -> None:
    crash = Death(name="edge.shop", status=1, reason="cannot open the file", again_in=0.5)
    killed = Death(name="edge.shop", status=-9, reason=None, again_in=0.5)

    assert text(up_messages.died(crash)) == (
        "Envoy edge.shop ended with status 1: cannot open the file; it is restarted in 0.5 s"
    )
    assert (
        text(up_messages.died(killed))
        == "Envoy edge.shop ended with SIGKILL; it is restarted in 0.5 s"
    )


def test_a_shared_port_names_who_shares_it() -> None:
    shown = [
        text(line) for line in up_messages.shared_ports({80: ["gateway a.x", "envoy (pid 7)"]})
    ]

    assert shown == [
        "port 80 is shared: gateway a.x and envoy (pid 7) listen there, "
        "and each gets some of the connections",
        "   hint: stop one, or give it another port",
    ]
