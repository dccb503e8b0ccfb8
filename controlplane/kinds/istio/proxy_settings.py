"""The object ProxyConfig, which says how the proxies of workloads are started.

Source: https://istio.io/latest/docs/reference/config/networking/proxy-config/
"""

from collections.abc import Mapping
from typing import Final

from controlplane.base.names import Kind
from controlplane.kinds.istio.proxy_image import ProxyImage
from controlplane.kinds.istio.selection import LabelSelector
from controlplane.kinds.spec import Int32, Spec


class ProxySettings(Spec, frozen=True):
    """``concurrency`` of 0 is a thread for each core."""

    selector: LabelSelector | None = None
    concurrency: Int32 | None = None
    environment_variables: Mapping[str, str] = {}
    image: ProxyImage | None = None


PROXY_CONFIG: Final[Kind[ProxySettings]] = Kind("networking.istio.io", "ProxyConfig")
