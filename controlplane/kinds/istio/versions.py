"""The API versions of Istio's kinds."""

from typing import Final

NETWORKING: Final = "networking.istio.io"
NETWORKING_VERSIONS: Final = (
    f"{NETWORKING}/v1",
    f"{NETWORKING}/v1beta1",
    f"{NETWORKING}/v1alpha3",
)
SECURITY: Final = "security.istio.io"
SECURITY_VERSIONS: Final = (f"{SECURITY}/v1", f"{SECURITY}/v1beta1")
EXTENSIONS: Final = "extensions.istio.io"
EXTENSIONS_VERSIONS: Final = (f"{EXTENSIONS}/v1alpha1",)
TELEMETRY_VERSIONS: Final = ("telemetry.istio.io/v1", "telemetry.istio.io/v1alpha1")
