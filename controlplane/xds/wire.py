"""Bytes of a request become values; what cannot be read is an error of that stream alone.

Source: envoy/service/discovery/v3/discovery.proto.
"""

from collections import OrderedDict
from collections.abc import Collection
from typing import Final

import grpc
from google.protobuf.message import DecodeError

from controlplane.base.peer_text import shown
from controlplane.envoy.resource import TypeUrl
from controlplane.xds.events import DeltaRequest, Nonce, SotwRequest
from controlplane.xds.response import Variant
from controlplane.xds.wire_pb2 import DeltaDiscoveryRequest, DiscoveryRequest, Node, Status

NAMES_LIMIT: Final = 100_000  # names in one request; Envoy's largest known meshes have a tenth
NAME_LIMIT: Final = 1_024  # characters of a name; what we send has names of at most 600
ERROR_LIMIT: Final = 1_000  # characters of Envoy's error that are kept
TEXT_LIMIT: Final = 500  # characters of a status; HTTP/2 peers take 8 kB of headers at least
TYPE_URLS: Final = {type_url.value: type_url for type_url in TypeUrl}


class StreamFault(Exception):
    """The stream ends with ``code``; its text is for the operator of the client."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        self.code = code
        self.text = shown(text, TEXT_LIMIT)
        super().__init__(self.text)


class LimitExceeded(StreamFault):
    """A client asked for too much of ``limit``, which is also the label of the metric."""

    def __init__(
        self,
        limit: str,
        text: str,
        code: grpc.StatusCode = grpc.StatusCode.RESOURCE_EXHAUSTED,
    ) -> None:
        super().__init__(code, text)
        self.limit = limit


class Requests:
    """Reads requests. Thousands of alike proxies send the same bytes, so the last ones are kept."""

    SIZES: Final = range(1 << 10, 1 << 20)  # smaller ones are read as fast as they are found
    KEPT: Final = 2 << 20  # bytes

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, DeltaRequest] = OrderedDict()
        self._size = 0

    def delta(self, body: bytes) -> tuple[Node | None, DeltaRequest | str]:
        """The node, if it is there, and the request; of a type that is not served only its URL."""
        if (kept := self._kept.get(body)) is not None:
            return None, kept
        try:
            message = DeltaDiscoveryRequest.FromString(body)
        except DecodeError as error:
            raise _unreadable() from error
        type_url = TYPE_URLS.get(message.type_url)
        subscribe, unsubscribe = (
            message.resource_names_subscribe,
            message.resource_names_unsubscribe,
        )
        initial = message.initial_resource_versions
        _limit(len(body), subscribe, unsubscribe, initial)
        node = message.node if message.HasField("node") else None
        if type_url is None:
            return node, message.type_url
        request = DeltaRequest(
            type_url=type_url,
            subscribe=frozenset(subscribe),
            unsubscribe=frozenset(unsubscribe),
            initial=dict(initial),
            nonce=Nonce(message.response_nonce),
            error=_error(message.error_detail) if message.HasField("error_detail") else None,
        )
        if node is None and len(body) in self.SIZES:
            self._keep(body, request)
        return node, request

    def _keep(self, body: bytes, request: DeltaRequest) -> None:
        self._kept[body] = request
        self._size += len(body)
        while self._size > self.KEPT:
            self._size -= len(self._kept.popitem(last=False)[0])


def sotw(body: bytes) -> tuple[Node | None, SotwRequest | str]:
    """As ``Requests.delta``, for the other variant."""
    try:
        message = DiscoveryRequest.FromString(body)
    except DecodeError as error:
        raise _unreadable() from error
    type_url = TYPE_URLS.get(message.type_url)
    _limit(len(body), message.resource_names)
    node = message.node if message.HasField("node") else None
    if type_url is None:
        return node, message.type_url
    return node, SotwRequest(
        type_url=type_url,
        names=frozenset(message.resource_names),
        nonce=Nonce(message.response_nonce),
        error=_error(message.error_detail) if message.HasField("error_detail") else None,
        is_reconnect=bool(message.version_info) and not message.response_nonce,
    )


def node_of(variant: Variant, body: bytes) -> Node | None:
    """The node of a request, which says who sends it."""
    kind = DeltaDiscoveryRequest if variant is Variant.DELTA else DiscoveryRequest
    try:
        message = kind.FromString(body)
    except DecodeError as error:
        raise _unreadable() from error
    return message.node if message.HasField("node") else None


def _error(detail: Status) -> str:
    return shown(detail.message, ERROR_LIMIT) or f"status {detail.code}"


def _limit(size: int, *names: Collection[str]) -> None:
    """``size`` is that of the request, in bytes: a small one has no long names."""
    count = sum(map(len, names))
    if count > NAMES_LIMIT:
        text = f"the request names {count} resources, at most {NAMES_LIMIT} are accepted"
        raise LimitExceeded("names_of_request", text)
    if size > NAME_LIMIT and any(len(name) > NAME_LIMIT for some in names for name in some):
        text = f"the request names a resource with more than {NAME_LIMIT} characters"
        raise LimitExceeded("size_of_name", text)


def _unreadable() -> StreamFault:
    return StreamFault(grpc.StatusCode.INVALID_ARGUMENT, "the request is not a discovery request")
