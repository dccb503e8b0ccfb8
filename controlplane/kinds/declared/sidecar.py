"""Sidecar: validated, and without effect until sidecars have listeners."""

from typing import Final

from controlplane.kinds.istio.sidecar import SIDECAR, Sidecar
from controlplane.kinds.istio.versions import NETWORKING_VERSIONS
from controlplane.kinds.served import ServedKind
from controlplane.kinds.validation.sidecar import sidecar

KIND: Final = ServedKind(
    kind=SIDECAR,
    api_versions=NETWORKING_VERSIONS,
    spec=Sidecar,
    validate=sidecar,
    fields={},
    custom=True,
)
