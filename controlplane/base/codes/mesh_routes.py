"""Codes of routes of the Gateway API for calls between workloads: CP0770 to CP0772."""

from typing import Final

from controlplane.base.codes.severities import warning

MESH_ROUTE_UNUSED: Final = warning("CP0770", "a route is for calls that no service gets")
MESH_ROUTE_HIDDEN: Final = warning("CP0771", "sidecars use an earlier rule for the service")
MESH_HOSTNAMES: Final = warning("CP0772", "hostnames have no effect on calls of a service")
