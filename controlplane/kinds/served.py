"""What the declaration of a kind says: its struct and versions, who validates it, and which
function translates each of its fields.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Kind
from controlplane.kinds.spec import Spec
from controlplane.kinds.validation.checks import About

S = TypeVar("S", bound=Spec)


@dataclass(frozen=True, slots=True)
class By:
    """``function``, as ``package.module:name``, honours these fields of a struct, which are named
    as in Python.
    """

    function: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoEffect:
    """These fields are accepted and change nothing, here as in Istio; ``why`` says so."""

    why: str
    fields: tuple[str, ...]


Fields = Mapping[type[Spec], tuple[By | NoEffect, ...]]
"""By struct. A field that no entry names is not supported: each use of it is reported."""


StatusNames = Mapping[str, "StatusNames"]
"""The fields of a ``status``, each with those of its value, or of the items of its list."""


def by(function: str, *fields: str) -> By:
    return By(f"controlplane.{function}", fields)


def no_effect(why: str, *fields: str) -> NoEffect:
    return NoEffect(why, fields)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServedKind(Generic[S]):
    """A kind that has an effect here.

    ``api_versions``: what ``apiVersion`` may say, the preferred one first. ``whole``: the struct is
    the body without its head, not the body's ``spec``. ``custom``: a custom resource, whose nulls
    are pruned. ``needs_spec``: an object without ``spec`` is refused. ``status``: the names
    in its status, none where it has no status, ``None`` where that may be any mapping. ``fields``:
    of the struct, and of all structs within it.
    """

    kind: Kind[S]
    api_versions: tuple[str, ...]
    spec: type[S]
    validate: Callable[[Report, FieldRef, S, About], None]
    fields: Fields
    whole: bool = False
    custom: bool = False
    needs_spec: bool = False
    status: StatusNames | None = None
