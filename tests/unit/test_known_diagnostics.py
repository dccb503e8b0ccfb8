"""What is new and what is fixed between two looks at what is wrong."""

from pathlib import Path

from controlplane.admin.metrics import Metrics
from controlplane.base import codes
from controlplane.base.diagnostics import Code, Diagnostic
from controlplane.base.locations import SourceLocation
from controlplane.serve.known_diagnostics import KnownDiagnostics


def wrong(message: str, *, line: int = 1, code: Code = codes.UNKNOWN_HOST) -> Diagnostic:
    return Diagnostic(code=code, place=SourceLocation(Path("a.yaml"), line, 1), message=message)


def test_what_comes_is_found_and_what_goes_is_fixed() -> None:
    known = KnownDiagnostics()

    first = known.news([wrong("a"), wrong("b")])
    second = known.news([wrong("b"), wrong("c")])
    third = known.news([wrong("b"), wrong("c")])

    assert [d.message for d in first.found] == ["a", "b"]
    assert ([d.message for d in second.found], [d.message for d in second.fixed]) == (["c"], ["a"])
    assert not third


def test_what_moved_to_another_line_is_not_fixed() -> None:
    known = KnownDiagnostics()
    known.news([wrong("a", line=1)])

    assert known.news([wrong("a", line=2)]).fixed == ()


def test_the_metric_counts_by_code_and_severity_and_goes_back_to_0() -> None:
    metrics = Metrics("0")

    metrics.diagnosed([wrong("a"), wrong("b"), wrong("c", code=codes.DEPRECATED)])
    before = metrics.exposition()[0].decode()
    metrics.diagnosed([wrong("a")])
    after = metrics.exposition()[0].decode()

    assert 'controlplane_diagnostics{code="CP0301",severity="error"} 2.0\n' in before
    assert 'controlplane_diagnostics{code="CP0209",severity="warning"} 1.0\n' in before
    assert 'controlplane_diagnostics{code="CP0301",severity="error"} 1.0\n' in after
    assert 'controlplane_diagnostics{code="CP0209",severity="warning"} 0.0\n' in after
