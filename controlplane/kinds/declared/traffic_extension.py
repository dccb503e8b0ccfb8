"""TrafficExtension."""

from typing import Final

from controlplane.kinds.istio.traffic_extension import TRAFFIC_EXTENSION, TrafficExtension
from controlplane.kinds.istio.versions import EXTENSIONS_VERSIONS
from controlplane.kinds.served import ServedKind
from controlplane.kinds.validation.traffic_extension import traffic_extension

KIND: Final = ServedKind(
    kind=TRAFFIC_EXTENSION,
    api_versions=EXTENSIONS_VERSIONS,
    spec=TrafficExtension,
    validate=traffic_extension,
    fields={},
    custom=True,
)
