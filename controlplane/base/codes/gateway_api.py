"""Codes of the Gateway API: CP0701 to CP0709 what the API server says of an object."""

from typing import Final

from controlplane.base.codes.severities import warning

EXPERIMENTAL_CHANNEL: Final = warning(
    "CP0701", "only the experimental channel of the Gateway API accepts it"
)
STANDARD_CHANNEL: Final = warning(
    "CP0702", "only the standard channel of the Gateway API accepts it"
)
DEPRECATED_VERSION: Final = warning("CP0703", "the version of the Gateway API is deprecated")
