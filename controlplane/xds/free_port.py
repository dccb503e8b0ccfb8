"""Whether a port is free, asked before gRPC asks, which writes to standard error if not."""

import socket

from controlplane.base.errors import ListenFailed


def not_free(address: str, why: str) -> ListenFailed:
    text = f"cannot listen on {address} for xDS: {why}"
    return ListenFailed(text, hint="another process may use the port; see --xds")


def require_free(address: str) -> None:
    """Raise ``ListenFailed`` where nothing can listen on ``address`` (``HOST:PORT``).

    A name that does not resolve is left to gRPC.
    """
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    try:
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host.strip("[]"), int(port)))
    except socket.gaierror:
        return
    except OSError as error:
        raise not_free(address, error.strerror or str(error)) from error
