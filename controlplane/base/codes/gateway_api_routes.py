"""Codes of routes of the Gateway API: CP0730 to CP0749."""

from typing import Final

from controlplane.base.codes.severities import dangling, warning

ROUTE_NOT_ATTACHED: Final = dangling("CP0730", "a route attaches to no listener of a parent")
PARENT_UNKNOWN: Final = dangling("CP0731", "a route names a parent that is not declared")
BACKEND_UNRESOLVED: Final = dangling("CP0732", "a route names a backend that does not exist")
BACKEND_NOT_PERMITTED: Final = dangling(
    "CP0733", "a route names a backend of another namespace without a ReferenceGrant"
)
RULE_NOT_SERVED: Final = dangling("CP0734", "a rule has something that cannot be served")
ROUTE_MATCH_TAKEN: Final = warning("CP0736", "another route has the same match and comes first")
BACKEND_TRANSPORT: Final = dangling(
    "CP0737", "a route leads to a port of UDP, or sends datagrams to one of TCP"
)
MATCH_DROPPED: Final = dangling("CP0735", "a match of a route is left out")
