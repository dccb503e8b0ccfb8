"""EnvoyFilter."""

from typing import Final

from controlplane.kinds.istio.envoy_filter import ENVOY_FILTER, EnvoyFilter
from controlplane.kinds.istio.versions import NETWORKING_VERSIONS
from controlplane.kinds.served import ServedKind
from controlplane.kinds.validation.envoy_filter import envoy_filter

KIND: Final = ServedKind(
    kind=ENVOY_FILTER,
    api_versions=NETWORKING_VERSIONS[-1:],
    spec=EnvoyFilter,
    validate=envoy_filter,
    fields={},
    custom=True,
)
