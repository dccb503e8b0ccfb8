"""Announces to the control plane that a workload ends, so that nobody sends it anything more.

    leave.py BOOTSTRAP ADDRESS

Connects as the Envoy of this bootstrap does and calls ``controlplane.v1.Registration/Leave``: one
request of gRPC, written out as HTTP/2. Needs nothing but Python.
Source: RFC 9113 (frames), RFC 7541 (literal headers), gRPC over HTTP/2.
"""

import json
import re
import socket
import ssl
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

PATH: Final = "/controlplane.v1.Registration/Leave"
WITHIN: Final = 2.0  # seconds
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0x0, 0x1, 0x3, 0x4, 0x7
END_STREAM, END_HEADERS = 0x1, 0x4
STREAM: Final = 1
_TOKEN: Final = re.compile(r"Bearer [\w.+/=-]+")


def announce(bootstrap: Mapping[str, Any], address: str, within: float = WITHIN) -> bool:
    """Whether the workload with this bootstrap and address was registered and no longer is; false
    where the control plane is not reached, or not ``within`` seconds.
    """
    try:
        cluster = next(
            c for c in bootstrap["static_resources"]["clusters"] if c["name"] == "xds-grpc"
        )
        end = time.monotonic() + within
        with _connection(cluster, within) as connection:
            connection.sendall(_request(token(bootstrap), address, is_tls=_is_tls(cluster)))
            return any(kind == DATA for kind in _answer(connection, end))
    except (OSError, LookupError, StopIteration, ValueError):
        return False


def token(bootstrap: Mapping[str, Any]) -> str:
    """``Bearer …``: from the bootstrap, else from the file that it names."""
    text = json.dumps(bootstrap)
    found = _TOKEN.search(text)
    if found is None:
        file = re.search(r'"path_config_source": \{"path": ("[^"]+")', text)
        found = _TOKEN.search(Path(json.loads(file[1])).read_text()) if file else None
    return found[0] if found else ""


def _is_tls(cluster: Mapping[str, Any]) -> bool:
    return "transport_socket" in cluster


def _connection(cluster: Mapping[str, Any], within: float) -> socket.socket:
    [group] = cluster["load_assignment"]["endpoints"]
    where = group["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    plain = socket.create_connection((where["address"], where["port_value"]), timeout=within)
    if not _is_tls(cluster):
        return plain
    tls = cluster["transport_socket"]["typed_config"]
    roots = tls["common_tls_context"]["validation_context"]["trusted_ca"]["inline_string"]
    context = ssl.create_default_context(cadata=roots)
    context.set_alpn_protocols(["h2"])
    try:
        return context.wrap_socket(plain, server_hostname=tls["sni"])
    except BaseException:
        plain.close()
        raise


def _request(token: str, address: str, *, is_tls: bool) -> bytes:
    """Everything that is sent: the preface, empty settings, the request and its only message."""
    headers = {
        ":method": "POST",
        ":scheme": "https" if is_tls else "http",
        ":path": PATH,
        ":authority": "controlplane",
        "te": "trailers",
        "content-type": "application/grpc",
        "authorization": token,
    }
    block = b"".join(b"\0" + _text(name) + _text(value) for name, value in headers.items())
    body = b"\x0a" + bytes((len(address),)) + address.encode()  # google.protobuf.StringValue
    message = b"\0" + len(body).to_bytes(4, "big") + body
    return (
        PREFACE
        + _frame(SETTINGS, 0, 0, b"")
        + _frame(HEADERS, END_HEADERS, STREAM, block)
        + _frame(DATA, END_STREAM, STREAM, message)
    )


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


def _text(text: str) -> bytes:
    """A string literal without compression: its length, 7 bits of it first, and itself."""
    encoded, rest = text.encode(), len(text.encode()) - 127
    if rest < 0:
        return bytes((len(encoded),)) + encoded
    length = bytearray((127,))
    while rest >= 128:
        length.append(rest % 128 + 128)
        rest //= 128
    return bytes((*length, rest)) + encoded


def _answer(connection: socket.socket, end: float) -> Iterator[int]:
    """The kinds of the stream's frames until it ends: an answer has a message, a refusal none."""
    received = b""
    while True:
        while len(received) >= 9:
            length, kind, flags = int.from_bytes(received[:3], "big"), received[3], received[4]
            if len(received) < 9 + length:
                break
            stream = int.from_bytes(received[5:9], "big")
            received = received[9 + length :]
            if kind == GOAWAY or (stream == STREAM and kind == RST_STREAM):
                return
            if stream == STREAM:
                yield kind
                if flags & END_STREAM:
                    return
        connection.settimeout(max(end - time.monotonic(), 0.001))
        more = connection.recv(65536)
        if not more:
            return
        received += more


def main() -> int:
    bootstrap, address = json.loads(Path(sys.argv[1]).read_bytes()), sys.argv[2]
    return 0 if announce(bootstrap, address) else 1


if __name__ == "__main__":
    sys.exit(main())
