"""Questions of a command to a running control plane: its admin interface over HTTP."""

import http.client
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from controlplane.admin.authorization import AskedCall, WorkloadAuthorization
from controlplane.admin.objects import FoundObjects, Gateways, ObjectsOfKind
from controlplane.admin.tls import TlsState
from controlplane.admin.view import Diagnosis, ProxyConfig, Removed, Status, View
from controlplane.admin.workload import Workload
from controlplane.base.addresses import Address
from controlplane.base.errors import AdminUnreachable

V = TypeVar("V", bound=View)
PATIENCE: Final = 10.0  # seconds
PROBING: Final = 45.0  # seconds; another probe may be queued first


def status(admin: Address) -> Status:
    return _answer(admin, "/api/v1/status", Status)


def diagnostics(admin: Address) -> Diagnosis:
    return _answer(admin, "/api/v1/diagnostics", Diagnosis)


def tls(admin: Address) -> TlsState:
    """Takes as long as handshakes with the upstreams."""
    return _answer(admin, "/api/v1/tls", TlsState, PROBING)


def confirm_removal(admin: Address) -> Removed:
    path = "/api/v1/confirm-removal"
    status, body = _asked(admin, path, PATIENCE, method="POST")
    return _decoded(admin, path, status, body, Removed, "POST")


def config(admin: Address, proxy: str, part: str) -> ProxyConfig | None:
    """``None`` when no such proxy is connected."""
    path = f"/api/v1/config/{quote(proxy, safe='')}?{urlencode({'part': part})}"
    status, body = _asked(admin, path, PATIENCE)
    return (
        None if status == HTTPStatus.NOT_FOUND else _decoded(admin, path, status, body, ProxyConfig)
    )


def workload(admin: Address, name: str) -> Workload | None:
    """``None`` when no such sidecar is connected."""
    path = f"/api/v1/workload/{quote(name, safe='')}"
    status, body = _asked(admin, path, PATIENCE)
    return None if status == HTTPStatus.NOT_FOUND else _decoded(admin, path, status, body, Workload)


def authorization(
    admin: Address, name: str, call: AskedCall | None
) -> WorkloadAuthorization | None:
    """``None`` when no such workload is connected or declared."""
    path = f"/api/v1/authz/{quote(name, safe='')}"
    if call is not None:
        path += f"?{urlencode({'call': msgspec.json.encode(call).decode()})}"
    status, body = _asked(admin, path, PATIENCE)
    if status == HTTPStatus.NOT_FOUND:
        return None
    return _decoded(admin, path.partition("?")[0], status, body, WorkloadAuthorization)


def found_objects(admin: Address, kind: str, namespace: str, name: str) -> FoundObjects | None:
    """``None`` when no object is of such a kind."""
    named = (kind, namespace, name) if namespace else (kind, name)
    path = f"/api/v1/objects/{'/'.join(quote(part, safe='') for part in named)}"
    status, body = _asked(admin, path, PATIENCE)
    if status == HTTPStatus.NOT_FOUND:
        return None
    return _decoded(admin, path, status, body, FoundObjects)


def objects_of(admin: Address, kind: str) -> ObjectsOfKind | None:
    """``None`` when no object is of such a kind."""
    path = f"/api/v1/objects/{quote(kind, safe='')}"
    status, body = _asked(admin, path, PATIENCE)
    if status == HTTPStatus.NOT_FOUND:
        return None
    return _decoded(admin, path, status, body, ObjectsOfKind)


def gateways(admin: Address) -> Gateways:
    return _answer(admin, "/api/v1/gateways", Gateways)


def _answer(admin: Address, path: str, view: type[V], patience: float = PATIENCE) -> V:
    status, body = _asked(admin, path, patience)
    return _decoded(admin, path, status, body, view)


def _decoded(
    admin: Address, path: str, status: int, body: bytes, view: type[V], method: str = "GET"
) -> V:
    """``body`` as ``view``; ``AdminUnreachable`` when it is something else."""
    try:
        if status == HTTPStatus.OK:
            return msgspec.json.decode(body, type=view)
    except msgspec.MsgspecError:
        pass
    raise AdminUnreachable(
        f"{admin} answers {method} {path} with {status}",
        hint="is it the admin interface of a control plane of this version?",
    )


def _asked(admin: Address, path: str, patience: float, method: str = "GET") -> tuple[int, bytes]:
    """The status and body of an answer; ``AdminUnreachable`` when there is no answer."""
    connection = http.client.HTTPConnection(admin.host, admin.port, timeout=patience)
    try:
        headers = {"content-type": "application/json"} if method == "POST" else {}
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise AdminUnreachable(
            f"no control plane answers at {admin}: {_reason(error)}",
            hint="start one with controlplane up or controlplane serve, "
            "or say where it is with --admin HOST:PORT",
        ) from error
    finally:
        connection.close()


def _reason(error: OSError | http.client.HTTPException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
