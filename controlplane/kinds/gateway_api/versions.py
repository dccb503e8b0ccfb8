"""The API groups and versions of the Gateway API's kinds."""

from typing import Final

GATEWAY_API: Final = "gateway.networking.k8s.io"
GATEWAY_API_X: Final = "gateway.networking.x-k8s.io"
"""The group of the kinds that only the experimental channel has."""

V1: Final = (f"{GATEWAY_API}/v1",)
V1_AND_V1BETA1: Final = (*V1, f"{GATEWAY_API}/v1beta1")
V1_AND_V1ALPHA2: Final = (*V1, f"{GATEWAY_API}/v1alpha2")
V1_AND_V1ALPHA3: Final = (*V1, f"{GATEWAY_API}/v1alpha3")
V1_TO_V1ALPHA2: Final = (*V1_AND_V1ALPHA3, f"{GATEWAY_API}/v1alpha2")
X_V1ALPHA1: Final = (f"{GATEWAY_API_X}/v1alpha1",)
