"""What the tests' own networks leave behind."""

import subprocess
import sys

import pytest

from tests.support.network import can_isolate

CLIENTS = """
from concurrent.futures import ThreadPoolExecutor

import grpc

from tests.support.network import own_network


def running() -> tuple[grpc.Server, int]:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


with own_network():
    kept = running()
server, port = running()
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    grpc.channel_ready_future(channel).result(timeout=10)
for one in (server, kept[0]):
    one.stop(None).wait()
"""


@pytest.mark.skipif(not can_isolate(), reason="networks need root")
def test_clients_connect_outside_while_a_server_from_inside_is_kept() -> None:
    done = subprocess.run([sys.executable, "-c", CLIENTS], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
