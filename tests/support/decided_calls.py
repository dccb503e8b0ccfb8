"""Whether every call that comes in is decided by policies: what is in the chains of a proxy's
listeners, read from the messages.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from controlplane.model.cluster_name import BLACK_HOLE

Message = Mapping[str, Any]
"""A message as Envoy's JSON."""
_MANAGER: Final = "envoy.filters.network.http_connection_manager"
_RBAC: Final = ("envoy.filters.http.rbac", "envoy.filters.network.rbac")
_SNI_DNAT: Final = "outbound_."


def chains_of(listeners: Mapping[str, Message]) -> Iterator[tuple[str, tuple[Message, ...]]]:
    """The name of each chain with the filters that its calls go through, those of requests where
    they are read; without chains that lead nowhere, and of SNI-DNAT, where the destination decides.
    """
    for name, listener in listeners.items():
        default = listener.get("default_filter_chain")
        for chain in (*listener.get("filter_chains", ()), *([default] if default else ())):
            *before, last = chain["filters"]
            config = last["typed_config"]
            if config.get("cluster", "") == BLACK_HOLE or config["stat_prefix"].startswith(
                _SNI_DNAT
            ):
                continue
            filters = config["http_filters"] if last["name"] == _MANAGER else before
            yield f"{name} {chain.get('name', '')}", tuple(filters)


def actions(filters: tuple[Message, ...]) -> list[str]:
    """What the rules of a chain's policies do, in their order; ``ALLOW`` is RBAC's default."""
    configs = [each["typed_config"] for each in filters if each["name"] in _RBAC]
    return [config["rules"].get("action", "ALLOW") for config in configs if "rules" in config]
