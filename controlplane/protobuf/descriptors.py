"""Envoy's message types by name, also those that nothing here encodes.

xds-protos has one package for each protobuf package, so a type's modules are found by its name.
"""

import importlib
import pkgutil
from functools import cache
from typing import Final

from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor

_ROOTS: Final = frozenset({"cel", "envoy", "google", "opentelemetry", "udpa", "xds"})


@cache
def message_type(name: str) -> Descriptor | None:
    """The type of that full name, ``envoy.config.route.v3.Route``; ``None`` when xds-protos has
    none. The modules of its package are imported when it is not known yet.
    """
    pool = descriptor_pool.Default()
    try:
        return pool.FindMessageTypeByName(name)
    except KeyError:
        _import_package(name.rpartition(".")[0])
    try:
        return pool.FindMessageTypeByName(name)
    except KeyError:
        return None


def _import_package(package: str) -> None:
    """Only packages of xds-protos, because a name may come from a user's configuration."""
    if package.partition(".")[0] not in _ROOTS:
        return
    try:
        found = importlib.import_module(package)
    except ImportError:
        return
    for module in pkgutil.iter_modules(found.__path__):
        if module.name.endswith("_pb2"):
            importlib.import_module(f"{package}.{module.name}")
