"""What ``config`` prints."""

import os
from datetime import UTC, datetime

import msgspec
import yaml

from controlplane.admin.view import json_text
from controlplane.base.addresses import Address
from controlplane.base.errors import ProxyUnknown
from controlplane.cli import admin_client
from controlplane.cli.options import StatePlace
from controlplane.cli.output import say, show
from controlplane.cli.summary import summary


def print_config(
    proxy: str,
    part: str,
    output: str,
    *,
    admin: Address,
    from_xds: Address | None,
    state: StatePlace,
) -> None:
    """Print ``part`` of what ``proxy`` was sent; ``ProxyUnknown`` when it is not connected."""
    found = admin_client.config(admin, proxy, part)
    if found is None:
        raise _unknown(proxy, admin)
    if from_xds is not None:
        # A handshake that fails is the error below; gRPC would write its attempts before it.
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
        from controlplane.cli.xds_client import read_back  # late: envoy-data-plane is slow to load

        found = read_back(found, part, from_xds, state)
    match output:
        case "json":
            say(json_text(found))
        case "yaml":
            document = msgspec.to_builtins(found)
            say(yaml.safe_dump(document, sort_keys=False, allow_unicode=True).rstrip())
        case _:
            show(summary(found, datetime.now(UTC)))


def _unknown(proxy: str, admin: Address) -> ProxyUnknown:
    connected = sorted(shown.proxy.full_name for shown in admin_client.status(admin).proxies)
    listed = f"connected are {', '.join(connected)}" if connected else "none is"
    return ProxyUnknown(f'no proxy "{proxy}" is connected; {listed}')
