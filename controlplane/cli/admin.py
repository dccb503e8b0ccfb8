"""Questions of a command to a running control plane: its admin interface over HTTP."""

import http.client
import json
from http import HTTPStatus
from typing import Final
from urllib.parse import quote
from urllib.parse import urlencode

from controlplane.base.errors import AdminUnreachable
from controlplane.cli.address import Address

PATIENCE: Final = 10.0  # seconds
PROBING: Final = 45.0  # seconds; another probe may be before us


def status(admin: Address) -> object:
    """``/api/v1/status``."""
    return _answer(admin, "/api/v1/status")


def diagnostics(admin: Address) -> object:
    """``/api/v1/diagnostics``."""
    return _answer(admin, "/api/v1/diagnostics")


def tls(admin: Address) -> object:
    """``/api/v1/tls``; takes as long as handshakes with the upstreams."""
    return _answer(admin, "/api/v1/tls", PROBING)


def config(admin: Address, proxy: str, part: str) -> object | None:
    """``/api/v1/config/PROXY``; ``None`` when no such proxy is connected."""
    return _answer(admin, f"/api/v1/config/{quote(proxy, safe='')}?{urlencode({'part': part})}")


def _answer(admin: Address, path: str, patience: float = PATIENCE) -> object | None:
    """The JSON at ``path``; ``None`` where there is none; else ``AdminUnreachable``."""
    connection = http.client.HTTPConnection(admin.host, admin.port, timeout=patience)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise AdminUnreachable(
            f"no control plane answers at {admin}: {_reason(error)}",
            hint="start one with controlplane up or controlplane serve, "
            "or say where it is with --admin HOST:PORT",
        ) from error
    finally:
        connection.close()
    if response.status == HTTPStatus.NOT_FOUND:
        return None
    try:
        found: object = json.loads(body)
    except ValueError:
        found = None
    if response.status != HTTPStatus.OK or found is None:
        raise AdminUnreachable(
            f"{admin} answers GET {path} with {response.status}",
            hint="is it the admin interface of a control plane of this version?",
        )
    return found


def _reason(error: OSError | http.client.HTTPException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
