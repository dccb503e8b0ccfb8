"""The HTTP server of the admin interface, in the event loop of everything else."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from controlplane.admin.connections import DEFAULT, ConnectionLimits, LimitedConnection
from controlplane.base.errors import ListenFailed

HEADERS_LIMIT: Final = 16 << 10  # bytes of a request line with its headers


class _Server(uvicorn.Server):
    """Leaves signals to the owner of the event loop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listener(host: str, port: int, option: str = "--admin") -> socket.socket:
    """A socket that listens on ``host:port``, as ``option`` says; ``ListenFailed`` says why there
    is none.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        opened = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ListenFailed(f"cannot listen on {host}:{port}: {error.strerror}") from error
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(128)
    except OSError as error:
        opened.close()
        raise ListenFailed(
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint=f"choose another with {option} HOST:PORT",
        ) from error
    return opened


@asynccontextmanager
async def serving(
    application: ASGIApp, listening: socket.socket, limits: ConnectionLimits = DEFAULT
) -> AsyncIterator[None]:
    """Answer on ``listening`` while the block runs; the socket is closed afterwards."""
    connection = partial(LimitedConnection, limits=limits)
    server = _Server(
        uvicorn.Config(
            application,
            log_config=None,
            log_level="error",  # not a line for each request that is no HTTP
            access_log=False,
            server_header=False,
            lifespan="off",
            http=connection,  # type: ignore[arg-type] # declared as a class, and only called
            ws="none",
            h11_max_incomplete_event_size=HEADERS_LIMIT,
            timeout_keep_alive=limits.keep_alive,
            timeout_graceful_shutdown=1,
        )
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(sockets=[listening]))
        try:
            yield
        finally:
            server.should_exit = True
