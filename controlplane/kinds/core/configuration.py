"""Secret, ConfigMap and Namespace, core/v1."""

from collections.abc import Mapping
from typing import Final

from controlplane.base.names import Kind
from controlplane.kinds.spec import Spec


class Secret(Spec, frozen=True):
    """``data`` is base64, ``string_data`` is text and wins; neither is ever printed."""

    type: str = ""
    data: Mapping[str, str] = {}
    string_data: Mapping[str, str] = {}
    immutable: bool | None = None

    def __repr__(self) -> str:
        return f"Secret(type={self.type!r}, keys={sorted({*self.data, *self.string_data})})"


class ConfigMap(Spec, frozen=True):
    data: Mapping[str, str] = {}
    binary_data: Mapping[str, str] = {}
    immutable: bool | None = None


class NamespaceBody(Spec, frozen=True, forbid_unknown_fields=False):
    """Only labels and annotations of a Namespace bear on routing."""


SECRET: Final[Kind[Secret]] = Kind("", "Secret")
CONFIG_MAP: Final[Kind[ConfigMap]] = Kind("", "ConfigMap")
NAMESPACE: Final[Kind[NamespaceBody]] = Kind("", "Namespace")
