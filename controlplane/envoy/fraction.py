"""Shares of requests, in parts of a million.

Source: envoy/type/v3/percent.proto, envoy/config/core/v3/base.proto.
"""

from envoy.config.core.v3.base_pb2 import RuntimeFractionalPercent
from envoy.type.v3.percent_pb2 import FractionalPercent


def fraction(parts_per_million: int) -> FractionalPercent:
    return FractionalPercent(numerator=parts_per_million, denominator=FractionalPercent.MILLION)


def runtime_fraction(parts_per_million: int) -> RuntimeFractionalPercent:
    """A share without a runtime key, so it cannot be changed from outside."""
    return RuntimeFractionalPercent(default_value=fraction(parts_per_million))
