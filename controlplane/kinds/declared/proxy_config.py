"""ProxyConfig."""

from typing import Final

from controlplane.kinds.istio import proxy_settings as specs
from controlplane.kinds.istio.proxy_settings import PROXY_CONFIG, ProxySettings
from controlplane.kinds.istio.selection import LabelSelector
from controlplane.kinds.served import ServedKind, no_effect
from controlplane.kinds.validation.proxy_settings import proxy_settings

_STARTS: Final = "it says how a proxy is started, which is done outside of the control plane"

KIND: Final = ServedKind(
    kind=PROXY_CONFIG,
    api_versions=("networking.istio.io/v1beta1",),
    spec=ProxySettings,
    validate=proxy_settings,
    fields={
        specs.ProxySettings: (
            no_effect(_STARTS, "selector", "concurrency", "environment_variables", "image"),
        ),
        specs.ProxyImage: (no_effect(_STARTS, "image_type"),),
        LabelSelector: (no_effect(_STARTS, "match_labels"),),
    },
    custom=True,
)
