"""The HTTP interface: health, metrics and the JSON that ``status`` and ``config`` show.

    GET /readyz                    200 once the first load is complete, 503 before
    GET /healthz                   200 while the event loop turns; no answer while it does not
    GET /metrics                   Prometheus; istiod's names where the thing is the same
    GET /api/v1/status             each proxy and type: synced, waiting, rejected
    GET /api/v1/config/PROXY       what the proxy was sent; ?part=listeners and the like
    GET /api/v1/workload/PROXY     a workload with a sidecar: identity, ports, rules in and out
    GET /api/v1/authz/WORKLOAD     who may call a workload; ?call=JSON: what becomes of one call
    GET /api/v1/diagnostics        what is wrong in the configuration, as ``check -o json`` says it
    GET /api/v1/tls                the Secrets in use, and what upstreams present: probes them
    GET /api/v1/objects            every object: in force or not, refused or not, file, line
    GET /api/v1/objects/KIND       the objects of a kind, as ``objects`` says them
    GET /api/v1/objects/KIND/[NAMESPACE/]NAME   an object with its status, as Kubernetes shows it
    GET /api/v1/gateways           the Gateways of the Gateway API, with their listeners
    POST /api/v1/confirm-removal   remove the objects whose removal is held; gives them

All but the last read and change nothing, and ask an ``Overview`` for what they show. It answers
only to names that no web site can have (DNS rebinding), and what changes something only to requests
that no page can make a browser send (JSON). A raising request is logged and answered with 500: one
of the boundaries.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from controlplane.admin.authorization import AskedCall, WorkloadAuthorization
from controlplane.admin.objects import FoundObjects, Gateways, ObjectsOfKind
from controlplane.admin.tls import TlsState
from controlplane.admin.view import PARTS, Diagnosis, ListedObject, ProxyConfig, Removed, Status
from controlplane.admin.workload import Workload
from controlplane.base.hosts import is_ip, is_unscoped_ip
from controlplane.base.names import ObjectKey
from controlplane.base.peer_text import shown

BODY_LIMIT: Final = 4096  # bytes; no request needs more than an empty object
_JSON: Final = "application/json"
_HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_log: Final = structlog.stdlib.get_logger(__name__)


class Overview(Protocol):
    """What the interface shows."""

    def ready(self) -> bool:
        """Whether the first load is complete, so that proxies are answered."""

    def status(self) -> Status:
        """Each connected proxy and, for each of its types, how far it is."""

    async def config(self, proxy: str, part: str) -> ProxyConfig | None:
        """What ``proxy`` (``NAME.NAMESPACE``) has; ``part`` is one of ``PARTS``; keys left out.

        ``None`` when no such proxy is connected.
        """

    async def workload(self, name: str) -> Workload | None:
        """The workload of the sidecar ``name`` (``NAME.NAMESPACE``), or of a WorkloadGroup of that
        name.

        ``None`` when no such sidecar is connected.
        """

    def authorization(self, name: str, call: AskedCall | None) -> WorkloadAuthorization | None:
        """Who may call the connected proxy ``name``, or else the WorkloadEntry or Pod, and what
        becomes of ``call``.

        ``None`` when there is none of that name.
        """

    async def diagnostics(self) -> Diagnosis:
        """All that is wrong, in the form of ``check -o json``."""

    async def tls(self) -> TlsState:
        """The Secrets in use and, for each upstream, what it presents and what is expected; no
        keys. Takes as long as handshakes with the upstreams do.
        """

    async def objects(self) -> Sequence[ListedObject]:
        """Every object that is declared or in force, with its file and line."""

    async def objects_of(self, kind: str) -> ObjectsOfKind | None:
        """The objects of a kind, which ``kubectl`` takes as well.

        ``None`` where there is no object of such a kind.
        """

    def object(self, kind: str, namespace: str, name: str) -> FoundObjects | None:
        """The objects in force that are meant: ``kind`` as ``kubectl`` takes it.

        ``None`` where there is no object of such a kind.
        """

    def gateways(self) -> Gateways:
        """The Gateways of the Gateway API and their listeners."""

    def metrics(self) -> tuple[bytes, str]:
        """Prometheus' text and its content type."""


Endpoint = Callable[[Request], Awaitable[Response]]

Confirm = Callable[[], Sequence[ObjectKey]]
"""Removes the objects whose removal is held; gives them."""


Alive = Callable[[], str]
"""What ``/healthz`` says, which answers only while the event loop turns."""


Endpoints = tuple[tuple[str, Endpoint], ...]


def probe_endpoints(overview: Overview, alive: Alive) -> Endpoints:
    """What monitoring asks for, which names nothing of the configuration but Secrets in use."""

    async def readyz(_: Request) -> Response:
        if overview.ready():
            return PlainTextResponse("ready\n", headers=_HEADERS)
        return PlainTextResponse("the first load is not complete\n", 503, headers=_HEADERS)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse(f"{alive()}\n", headers=_HEADERS)

    async def metrics(_: Request) -> Response:
        text, content_type = overview.metrics()
        return Response(text, headers={**_HEADERS, "content-type": content_type})

    return (("/readyz", readyz), ("/healthz", healthz), ("/metrics", metrics))


def probe_application(overview: Overview, alive: Alive) -> ASGIApp:
    """Health and metrics alone, for whoever reaches it by whatever name."""
    return _starlette(_routes(probe_endpoints(overview, alive)))


def application(
    overview: Overview, confirm: Confirm, host: str, alive: Alive = lambda: "ok"
) -> ASGIApp:
    """The interface over ``overview``; it answers to ``host``, which ``--admin`` names, too."""

    async def status(_: Request) -> Response:
        return _json(overview.status())

    async def config(request: Request) -> Response:
        proxy, part = request.path_params["proxy"], request.query_params.get("part", "all")
        if part not in PARTS:
            return _fault(400, f'part "{shown(part)}" is not one of {", ".join(PARTS)}')
        found = await overview.config(proxy, part)
        return (
            _fault(404, f'no proxy "{shown(proxy)}" is connected')
            if found is None
            else _json(found)
        )

    async def workload(request: Request) -> Response:
        name = request.path_params["proxy"]
        found = await overview.workload(name)
        if found is None:
            return _fault(404, f'no sidecar "{shown(name)}" is connected')
        return _json(found)

    async def diagnostics(_: Request) -> Response:
        return _json(await overview.diagnostics())

    async def tls(_: Request) -> Response:
        return _json(await overview.tls())

    async def objects(_: Request) -> Response:
        return _json(await overview.objects())

    async def gateways(_: Request) -> Response:
        return _json(overview.gateways())

    async def confirm_removal(request: Request) -> Response:
        if request.headers.get("content-type") != _JSON:
            return _fault(415, f"POST takes a body of {_JSON}")
        return _json(Removed(objects=tuple(map(str, confirm()))))

    endpoints: Endpoints = (
        *probe_endpoints(overview, alive),
        ("/api/v1/status", status),
        ("/api/v1/config/{proxy}", config),
        ("/api/v1/workload/{proxy}", workload),
        ("/api/v1/authz/{workload}", _authorization(overview)),
        ("/api/v1/diagnostics", diagnostics),
        ("/api/v1/tls", tls),
        ("/api/v1/objects", objects),
        ("/api/v1/objects/{kind}", _objects_of(overview)),
        ("/api/v1/objects/{kind}/{name}", _object(overview)),
        ("/api/v1/objects/{kind}/{namespace}/{name}", _object(overview)),
        ("/api/v1/gateways", gateways),
    )
    routes = _routes(endpoints)
    routes.append(Route("/api/v1/confirm-removal", _bounded(confirm_removal), methods=["POST"]))
    return LocalNames(_starlette(routes), host)


def _objects_of(overview: Overview) -> Endpoint:
    async def objects_of(request: Request) -> Response:
        kind = request.path_params["kind"]
        found = await overview.objects_of(kind)
        if found is None:
            return _no_such_kind(kind)
        return _json(found)

    return objects_of


def _no_such_kind(kind: str) -> Response:
    return _fault(404, f'no object is of a kind "{shown(kind)}"')


def _object(overview: Overview) -> Endpoint:
    async def object_(request: Request) -> Response:
        kind, name = request.path_params["kind"], request.path_params["name"]
        found = overview.object(kind, request.path_params.get("namespace", ""), name)
        if found is None:
            return _no_such_kind(kind)
        return _json(found)

    return object_


def _authorization(overview: Overview) -> Endpoint:
    async def authorization(request: Request) -> Response:
        name, said = request.path_params["workload"], request.query_params.get("call")
        try:
            call = msgspec.json.decode(said, type=AskedCall) if said is not None else None
        except msgspec.MsgspecError as fault:
            return _fault(400, f"call: {shown(str(fault))}")
        addresses = (call.ip, call.peer_ip) if call is not None else ()
        if any(each is not None and not is_unscoped_ip(each) for each in addresses):
            return _fault(400, "call: ip and peer_ip are IP addresses")
        found = overview.authorization(name, call)
        if found is None:
            return _fault(404, f'no workload "{shown(name)}" is connected or declared')
        return _json(found)

    return authorization


def _routes(endpoints: Endpoints) -> list[Route]:
    return [Route(path, _bounded(endpoint), methods=["GET"]) for path, endpoint in endpoints]


def _starlette(routes: Sequence[Route]) -> Starlette:
    return Starlette(routes=routes, exception_handlers={404: _not_found, 405: _not_found})


def _bounded(endpoint: Endpoint) -> Endpoint:
    """``endpoint``, whose errors fail their own request and nothing else."""

    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Exception:
            _log.exception("request_failed", path=shown(request.url.path))
            return _fault(500, "internal error: see the control plane's log")

    return answered


class LocalNames:
    """Refuses requests whose Host a web site could have made a browser send.

    A site that points its name at this machine is sent here under that name. Such a name has a dot
    and is not a number; ``localhost``, addresses, names of one word (containers') and this
    machine's own pass.
    """

    def __init__(self, inner: ASGIApp, own: str) -> None:
        self._inner = inner
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_local(_host(scope)):
            await _fault(421, "this host name is not served here")(scope, receive, send)
            return
        if scope["type"] == "http" and _has_large_body(scope):
            refusal = _fault(413, f"a body has at most {BODY_LIMIT} bytes here")
            refusal.headers["connection"] = "close"
            await refusal(scope, receive, send)
            return
        await self._inner(scope, receive, send)

    def _is_local(self, name: str) -> bool:
        if "." not in name.rstrip(".") and ":" not in name:
            return bool(name)
        return name == self._own.lower() or is_ip(name)


def _has_large_body(scope: Scope) -> bool:
    """Whether the request says so; one that does not say is not read, and ends by the time."""
    sizes = [value for name, value in scope["headers"] if name == b"content-length"]
    return any(len(size) > 9 or int(size) > BODY_LIMIT for size in sizes if size.isdigit())


def _host(scope: Scope) -> str:
    """The name in the Host header, lower case, without the port; empty when there is not one."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(hosts) != 1:
        return ""
    host: str = hosts[0].decode("latin-1").lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _json(value: object, status: int = 200) -> Response:
    body = msgspec.json.encode(value) + b"\n"
    return Response(body, status, headers={**_HEADERS, "content-type": _JSON})


def _fault(status: int, message: str) -> Response:
    return _json({"error": message}, status)


async def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return _fault(status, f"{shown(request.method)} {shown(request.url.path)} is not served")
