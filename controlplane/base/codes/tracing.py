"""Codes of tracing."""

from typing import Final

from controlplane.base.codes.severities import warning

PROVIDER_UNTRACED: Final = warning("CP0820", "a provider gets no spans, or none is named")
TAG_NOT_SET: Final = warning("CP0821", "spans do not have the tag, or not with this value")
TAGS_REPLACED: Final = warning("CP0822", "these tags replace those of a wider Telemetry")
