"""A program for hosts with interception: says which port got a connection, and for whom it was.

python original_destination.py PORT…                listen, on every address
python original_destination.py --ask ADDRESS PORT   connect, and print what is said
"""

import selectors
import socket
import struct
import sys
from typing import Final

SO_ORIGINAL_DST: Final = 80  # linux/netfilter_ipv4.h; of IPv6: IP6T_SO_ORIGINAL_DST


def original(connection: socket.socket) -> str:
    """``direct`` where nobody changed where it goes."""
    local, own_port = connection.getsockname()[:2]
    local = local.removeprefix("::ffff:")
    try:
        if ":" in local:
            raw = connection.getsockopt(socket.IPPROTO_IPV6, SO_ORIGINAL_DST, 28)
            address = socket.inet_ntop(socket.AF_INET6, raw[8:24])
        else:
            raw = connection.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
            address = socket.inet_ntoa(raw[4:8])
    except OSError:  # no connection tracking here
        return "direct"
    port = struct.unpack("!H", raw[2:4])[0]
    return "direct" if (address, port) == (local, own_port) else f"{address}:{port}"


def listen(ports: list[int]) -> None:
    selector = selectors.DefaultSelector()
    for port in ports:
        server = socket.create_server(
            ("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64
        )
        selector.register(server, selectors.EVENT_READ)
    print("listening", flush=True)
    while True:
        for key, _ in selector.select():
            assert isinstance(key.fileobj, socket.socket), "only sockets are registered"
            connection, _ = key.fileobj.accept()
            with connection:
                own = key.fileobj.getsockname()[1]
                connection.sendall(f"{own} {original(connection)}\n".encode())


def ask(address: str, port: int) -> str:
    try:
        with socket.create_connection((address, port), timeout=3) as connection:
            return connection.recv(100).decode() or "nothing"
    except ConnectionRefusedError:
        return "refused"
    except OSError as fault:
        return f"nothing: {fault}"


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--ask", address, port]:
            print(ask(address, int(port)))
        case ports:
            listen([int(port) for port in ports])
