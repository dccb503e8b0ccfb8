"""What ``config`` prints."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import yaml

from controlplane.admin.view import json_text
from controlplane.base.addresses import Address
from controlplane.base.errors import ProxyUnknown
from controlplane.cli import admin_client
from controlplane.cli.columns import aligned
from controlplane.cli.config_filter import filtered
from controlplane.cli.envoy_dump import admin_of, dump
from controlplane.cli.options import StatePlace
from controlplane.cli.output import say, show
from controlplane.cli.summary import summary
from controlplane.sources.state import default_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What to show: a part, and of it what concerns a host and a port."""

    part: str
    host: str | None
    port: int | None


def print_dump(
    proxy: str, part: str, *, admin: Address, envoy_admin: Address | None, state: StatePlace
) -> None:
    """Print what the Envoy of ``proxy`` says itself that it has."""
    if envoy_admin is None:
        found = admin_client.config(admin, proxy, "secrets")
        if found is None:
            raise _unknown(proxy, admin)
        folder = state.path or default_path(os.environ, state.config)
        envoy_admin = admin_of(folder, found.proxy)
    say(dump(envoy_admin, part))


def print_config(
    proxy: str,
    chosen: Chosen,
    output: str,
    *,
    admin: Address,
    from_xds: Address | None,
    state: StatePlace,
) -> None:
    """Print what is ``chosen`` of what ``proxy`` was sent; ``ProxyUnknown`` when it is not
    connected.
    """
    found = admin_client.config(admin, proxy, chosen.part)
    if found is None:
        raise _unknown(proxy, admin)
    if from_xds is not None:
        # A handshake that fails is the error below; gRPC would write its attempts before it.
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
        from controlplane.cli.xds_client import read_back  # late: envoy-data-plane is slow to load

        found = read_back(found, chosen.part, from_xds, state)
    found = filtered(found, chosen.host, chosen.port)
    match output:
        case "json":
            say(json_text(found))
        case "yaml":
            document = msgspec.to_builtins(found)
            say(yaml.safe_dump(document, sort_keys=False, allow_unicode=True).rstrip())
        case _:
            show(aligned(summary(found, datetime.now(UTC))))


def _unknown(proxy: str, admin: Address) -> ProxyUnknown:
    connected = sorted(shown.proxy.full_name for shown in admin_client.status(admin).proxies)
    listed = f"connected are {', '.join(connected)}" if connected else "none is"
    return ProxyUnknown(f'no proxy "{proxy}" is connected; {listed}')
