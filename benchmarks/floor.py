"""The floor: a server that has all bytes and does nothing but send them, on the same gRPC stack.

    python benchmarks/floor.py RECORDINGS PORT

Each line on its standard input is the name of an edit, which is then sent to every stream. What a
control plane takes beyond it is what knowing what to send costs.
"""

import asyncio
import pickle
import sys
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import grpc.aio
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from recorded import Recording

from controlplane.xds.grpc_options import CHANNEL_OPTIONS
from controlplane.xds.server import SERVICE

_SHARED: dict[bytes, bytes] = {}
Context = grpc.aio.ServicerContext[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Recordings:
    """What proxies of each namespace get at first, and the responses of each edit, by its name."""

    first: dict[str, Recording] = field(default_factory=dict)
    edits: dict[str, list[bytes]] = field(default_factory=dict)


class Floor:
    def __init__(self, recordings: Recordings) -> None:
        self._first = {name: framed(one) for name, one in recordings.first.items()}
        self._edits = recordings.edits
        self._streams: dict[Context, int] = {}
        """The streams, and how many responses each was sent."""

    async def serve(self, _: object, context: Context) -> None:
        """Answer what is asked for."""
        first: dict[str, dict[str, bytes]] = {}
        self._streams[context] = 0
        try:
            while isinstance(body := await context.read(), bytes):
                request = DeltaDiscoveryRequest.FromString(body)
                first = first or self._first[namespace_of(request.node.id)]
                there = first.get(request.type_url, {})
                names = request.resource_names_subscribe
                if request.response_nonce and not names:
                    continue
                found = [there[name] for name in names or there if name in there]
                if found:
                    await self._send(context, head(request.type_url) + b"".join(found))
        finally:
            del self._streams[context]

    async def edit(self, name: str) -> None:
        """Send an edit's responses to everybody."""
        for body in self._edits[name]:
            await asyncio.gather(*(self._send(context, body) for context in tuple(self._streams)))

    async def _send(self, context: Context, body: bytes) -> None:
        self._streams[context] += 1
        nonce = DeltaDiscoveryResponse(nonce=str(self._streams[context]))
        await context.write(body + nonce.SerializeToString())


def head(type_url: str) -> bytes:
    return DeltaDiscoveryResponse(type_url=type_url).SerializeToString()


def framed(recording: Recording) -> dict[str, dict[str, bytes]]:
    """By type and name, the bytes of each resource's place in a response; equal ones are shared."""
    return {
        type_url: {
            resource.name: _SHARED.setdefault(one, one)
            for resource in DeltaDiscoveryResponse.FromString(body).resources
            if (one := DeltaDiscoveryResponse(resources=[resource]).SerializeToString())
        }
        for type_url, body in recording.bodies.items()
    }


def namespace_of(node_id: str) -> str:
    """Of ``sidecar~10.0.0.1~name.namespace~namespace.svc.cluster.local``."""
    return node_id.split("~")[2].rpartition(".")[2]


async def main(recordings: Path, port: int) -> None:
    floor = Floor(pickle.loads(recordings.read_bytes()))
    server = grpc.aio.server(options=CHANNEL_OPTIONS)
    method = grpc.stream_stream_rpc_method_handler(floor.serve)
    methods = {"DeltaAggregatedResources": method}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    edits: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, lambda: edits.put_nowait(sys.stdin.readline().strip()))
    while name := await edits.get():
        await floor.edit(name)


if __name__ == "__main__":
    # The class of what is read is that of the module, not of the script.
    sys.modules["floor"] = sys.modules["__main__"]
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
