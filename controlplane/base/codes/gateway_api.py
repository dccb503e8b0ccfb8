"""Codes of the Gateway API: CP0701 to CP0709 what the API server says of an object,
CP0790 to CP0799 what runs its Envoy.
"""

from typing import Final

from controlplane.base.codes.severities import warning

EXPERIMENTAL_CHANNEL: Final = warning(
    "CP0701", "only the experimental channel of the Gateway API accepts it"
)
STANDARD_CHANNEL: Final = warning(
    "CP0702", "only the standard channel of the Gateway API accepts it"
)
DEPRECATED_VERSION: Final = warning("CP0703", "the version of the Gateway API is deprecated")

# Runners
PORT_NOT_PUBLISHED: Final = warning(
    "CP0790", "a listener's port is not one that a runner publishes"
)
PORT_OF_ANOTHER_GATEWAY: Final = warning(
    "CP0791", "a listener's port is another Gateway's on the runner that runs both"
)
