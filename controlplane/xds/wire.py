"""Bytes of a request become values; what cannot be read is an error of that stream alone.

Source: envoy/service/discovery/v3/discovery.proto.
"""

from collections import OrderedDict
from typing import Final

import grpc
from google.protobuf.message import DecodeError

from controlplane.envoy.resource import TypeUrl
from controlplane.xds.events import DeltaRequest, Nonce, SotwRequest
from controlplane.xds.wire_pb2 import DeltaDiscoveryRequest, DiscoveryRequest, Node, Status

NAMES_LIMIT: Final = 100_000  # names in one request; Envoy's largest known meshes have a tenth
ERROR_LIMIT: Final = 4096  # characters of Envoy's error that are kept
TYPE_URLS: Final = {type_url.value: type_url for type_url in TypeUrl}


class StreamFault(Exception):
    """The stream ends with ``code``; its text is for the operator of the client."""

    def __init__(self, code: grpc.StatusCode, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Requests:
    """Reads requests. Thousands of alike proxies send the same bytes, so the last ones are kept."""

    SIZES: Final = range(1 << 10, 1 << 20)  # smaller ones are read as fast as they are found
    KEPT: Final = 32

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, DeltaRequest] = OrderedDict()

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
        _limit(len(subscribe) + len(unsubscribe) + len(message.initial_resource_versions))
        node = message.node if message.HasField("node") else None
        if type_url is None:
            return node, message.type_url
        request = DeltaRequest(
            type_url=type_url,
            subscribe=frozenset(subscribe),
            unsubscribe=frozenset(unsubscribe),
            initial=dict(message.initial_resource_versions),
            nonce=Nonce(message.response_nonce),
            error=_error(message.error_detail) if message.HasField("error_detail") else None,
        )
        if node is None and len(body) in self.SIZES:
            self._keep(body, request)
        return node, request

    def _keep(self, body: bytes, request: DeltaRequest) -> None:
        self._kept[body] = request
        if len(self._kept) > self.KEPT:
            self._kept.popitem(last=False)


def sotw(body: bytes) -> tuple[Node | None, SotwRequest | str]:
    """As ``Requests.delta``, for the other variant."""
    try:
        message = DiscoveryRequest.FromString(body)
    except DecodeError as error:
        raise _unreadable() from error
    type_url = TYPE_URLS.get(message.type_url)
    _limit(len(message.resource_names))
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


def _error(detail: Status) -> str:
    return detail.message[:ERROR_LIMIT] or f"status {detail.code}"


def _limit(names: int) -> None:
    if names > NAMES_LIMIT:
        text = f"the request names {names} resources, at most {NAMES_LIMIT} are accepted"
        raise StreamFault(grpc.StatusCode.RESOURCE_EXHAUSTED, text)


def _unreadable() -> StreamFault:
    return StreamFault(grpc.StatusCode.INVALID_ARGUMENT, "the request is not a discovery request")
