"""An object as it is, or is to be, in force."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.base.names import ObjectKey
from controlplane.documents.document import RawObject
from controlplane.kinds.object import Object


@dataclass(frozen=True, slots=True)
class Form:
    """An object as it is, or is to be, in force, and its document; both ``None``: there is none."""

    object: Object[Any] | None = None
    raw: RawObject | None = None


Forms = Mapping[ObjectKey, Form]
