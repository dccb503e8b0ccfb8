"""Who a proxy is: a workload's SPIFFE identity, and what the proxy is to it.

Source: SPIFFE-ID specification; Istio ``pkg/spiffe``.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from controlplane.base.names import CLUSTER_DOMAIN, Namespace
from controlplane.model.proxy import Role

DEFAULT_TRUST_DOMAIN: Final = CLUSTER_DOMAIN  # MeshConfig.trustDomain, default
TOKEN_LIFE: Final = timedelta(days=365)  # in a bootstrap, unless the user says another
TOKEN_FILE_LIFE: Final = timedelta(hours=24)  # in a file that is renewed, likewise
TOKEN_ID: Final = re.compile(r"[0-9a-f]{16}")
"""What tokens are called where they are revoked."""
XDS_NAME: Final = "xds.controlplane.internal"
"""The name that every bootstrap demands of the xDS server, whatever address leads to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A service account of a namespace in a trust domain, as a gateway or as a sidecar."""

    trust_domain: str
    namespace: Namespace
    service_account: str
    role: Role

    @property
    def spiffe(self) -> str:
        """``spiffe://cluster.local/ns/shop/sa/cart``."""
        return f"spiffe://{self.trust_domain}/ns/{self.namespace}/sa/{self.service_account}"

    def __str__(self) -> str:
        return f"{self.role.value} {self.namespace}/{self.service_account}"
