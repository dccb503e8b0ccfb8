"""What an Envoy says itself that it has: its ``/config_dump``, unchanged."""

import http.client
import json
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from controlplane.base.addresses import Address
from controlplane.base.errors import AdminUnreachable, ConfigMissing
from controlplane.cli.log_files import FOLDER

_PATIENCE: Final = 10.0  # seconds
DUMPS: Final = MappingProxyType(
    {
        "listeners": "ListenersConfigDump",
        "routes": "RoutesConfigDump",
        "clusters": "ClustersConfigDump",
        "endpoints": "EndpointsConfigDump",
        "secrets": "SecretsConfigDump",
        "extensions": "EcdsConfigDump",
    }
)
"""The last words of the types of the dump's parts."""


def admin_of(state: Path, proxy: str) -> Address:
    """Where the Envoy that ``up`` runs as ``proxy`` (``NAME.NAMESPACE``) has its admin interface;
    ``ConfigMissing`` where ``up`` runs none.
    """
    file = state / FOLDER / f"{proxy}.json"
    try:
        found = json.loads(file.read_bytes())["admin"]["address"]["socket_address"]
        return Address(found["address"], found["port_value"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigMissing(
            f"{proxy} is not run by a control plane whose state is in {state}",
            hint="say where its admin interface is with --envoy-admin HOST:PORT",
        ) from error


def dump(admin: Address, part: str) -> str:
    """The dump, or the part of it, as indented JSON; ``AdminUnreachable`` without an answer."""
    connection = http.client.HTTPConnection(admin.host, admin.port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/config_dump?include_eds")
        body = connection.getresponse().read()
        found = json.loads(body)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise AdminUnreachable(f"no Envoy answers /config_dump at {admin}: {error}") from error
    finally:
        connection.close()
    if part != "all":
        configs = found.get("configs", ())
        found["configs"] = [c for c in configs if c["@type"].endswith(f".{DUMPS[part]}")]
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()
