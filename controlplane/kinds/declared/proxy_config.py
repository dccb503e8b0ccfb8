"""ProxyConfig."""

from typing import Final

from controlplane.kinds.istio import proxy_settings as specs
from controlplane.kinds.istio.proxy_settings import PROXY_CONFIG, ProxySettings
from controlplane.kinds.istio.selection import LabelSelector
from controlplane.kinds.served import ServedKind, by
from controlplane.kinds.validation.proxy_settings import proxy_settings

_QUERY: Final = "queries.registry.proxy_configs"

KIND: Final = ServedKind(
    kind=PROXY_CONFIG,
    api_versions=("networking.istio.io/v1beta1",),
    spec=ProxySettings,
    validate=proxy_settings,
    fields={
        specs.ProxySettings: (
            by(f"{_QUERY}:governing_configs", "selector"),
            by(f"{_QUERY}:proxy_settings", "environment_variables"),
            by(f"{_QUERY}:proxy_config", "concurrency"),
        ),
        LabelSelector: (by(f"{_QUERY}:governing_configs", "match_labels"),),
    },
    custom=True,
)
