"""Fields that may stay unset: a number in a wrapper, or what a function makes of a value."""

from collections.abc import Callable
from typing import TypeVar

from google.protobuf.wrappers_pb2 import UInt32Value, UInt64Value

T = TypeVar("T")
V = TypeVar("V")


def opt(function: Callable[[V], T], value: V | None) -> T | None:
    """``function(value)``, or an unset field where there is no value."""
    return None if value is None else function(value)


def uint32(value: int) -> UInt32Value:
    return UInt32Value(value=value)


def uint64(value: int) -> UInt64Value:
    return UInt64Value(value=value)
