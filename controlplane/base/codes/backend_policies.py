"""Codes of policies for backends and Gateways of the Gateway API: CP0750 to CP0756."""

from typing import Final

from controlplane.base.codes.severities import dangling, warning

BACKEND_AUTHORITIES: Final = dangling(
    "CP0750", "the reference leads to no authorities that verify the backend"
)
POLICY_TARGET_UNKNOWN: Final = dangling("CP0751", "the policy is for something that is not there")
POLICY_CONFLICT: Final = warning("CP0752", "an older policy is for the same target")
AUTHORITIES_NOT_USED: Final = warning("CP0753", "only the first of several authorities is used")
POLICY_TLS_LOST: Final = warning(
    "CP0754", "a DestinationRule leaves requests in plaintext that a policy would encrypt"
)
POLICY_GATEWAY_UNKNOWN: Final = warning("CP0755", "the policy is for a Gateway that is not here")
POLICY_OUT_OF_REACH: Final = warning("CP0756", "no proxy may have the policy by this reference")
