"""What a running control plane reports of itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from controlplane.base.diagnostics import Diagnostic
from controlplane.base.laps import Lap
from controlplane.engine.edit import Edit

ACKNOWLEDGED_WITHIN: Final = 5.0  # seconds after which a reload is reported without every answer


@dataclass(frozen=True, slots=True)
class TraceIds:
    """Of the trace of one edit, and of its outermost span."""

    trace: bytes
    span: bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """An edit that was published: when it began (``perf_counter``), how long computing it took,
    how many proxies were connected then and how many of them got something else by it.
    """

    edit: Edit
    began: float
    computed: timedelta
    proxies: int
    affected: int
    waited: timedelta | None = None
    is_first: bool = False
    stages: tuple[Lap, ...] = ()
    """By ``perf_counter``, as ``began``."""
    trace: TraceIds | None = None
    """The edit's trace, where traces are sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """One edit, once every connected proxy has answered it or time is up."""

    edit: Edit
    is_first: bool
    proxies: int
    """Connected when it was published."""
    affected: int
    """Those of them that got something else by it."""
    computed: timedelta
    """From the changed files to what every proxy is to have."""
    acknowledged: timedelta | None
    """Until every proxy had answered; ``None`` when one did not in time."""
    waited: timedelta | None
    """How long a part of it had waited for the rest of the change; ``None``: not at all."""
    found: tuple[Diagnostic, ...]
    """What is wrong now and was not before."""
    fixed: tuple[Diagnostic, ...] = ()
    """What was wrong before and is no longer."""
    trace: TraceIds | None = None


@dataclass(frozen=True, slots=True)
class Noticed:
    """What is wrong now and was not, or no longer is, though no file has changed."""

    found: tuple[Diagnostic, ...]
    fixed: tuple[Diagnostic, ...] = ()


OnReload = Callable[[Reload | Noticed], None]
