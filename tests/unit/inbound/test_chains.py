"""Which chain takes a connection to a workload: each cell of protocol and mode."""

import pytest

from controlplane.model.mtls import MtlsMode
from controlplane.model.service import Protocol
from controlplane.translate.istio.inbound_chains import BRANCHES, Branch, detection

HTTP = "istio-http/1.0,istio-http/1.1,istio-h2"
ANY = f"istio,istio-peer-exchange,{HTTP}"


def shown(branch: Branch) -> str:
    parts = (
        branch.transport.name.lower(),
        ",".join(branch.protocols),
        "mTLS" if branch.ends_tls else "",
        "HTTP" if branch.is_http else "TCP",
    )
    return " ".join(part for part in parts if part)


@pytest.mark.parametrize(
    ("protocols", "mode", "expected"),
    [
        ("HTTP HTTP2 HTTP_PROXY GRPC GRPC_WEB", "PERMISSIVE", [f"tls {ANY} mTLS HTTP", "raw HTTP"]),
        ("HTTP HTTP2 HTTP_PROXY GRPC GRPC_WEB", "STRICT", ["tls mTLS HTTP"]),
        ("HTTP HTTP2 HTTP_PROXY GRPC GRPC_WEB", "DISABLE", ["raw HTTP"]),
        (
            "TCP TLS HTTPS MONGO REDIS MYSQL",
            "PERMISSIVE",
            [f"tls {ANY} mTLS TCP", "tls TCP", "raw TCP"],
        ),
        ("TCP TLS HTTPS MONGO REDIS MYSQL", "STRICT", ["tls mTLS TCP"]),
        ("TCP TLS HTTPS MONGO REDIS MYSQL", "DISABLE", ["raw TCP"]),
        (
            "AUTO",
            "PERMISSIVE",
            [
                f"tls {HTTP} mTLS HTTP",
                "raw http/1.1,h2c HTTP",
                "tls istio-peer-exchange,istio mTLS TCP",
                "raw TCP",
                "tls TCP",
            ],
        ),
        ("AUTO", "STRICT", [f"tls {HTTP} mTLS HTTP", "tls mTLS TCP"]),
        ("AUTO", "DISABLE", ["raw http/1.1,h2c HTTP", "raw TCP"]),
    ],
)
def test_protocol_and_mode_decide_what_a_connection_may_be(
    protocols: str, mode: str, expected: list[str]
) -> None:
    for name in protocols.split():
        branches = BRANCHES[detection(Protocol[name]), MtlsMode[mode]]

        assert [shown(branch) for branch in branches] == expected


@pytest.mark.parametrize("branches", BRANCHES.values())
def test_no_two_chains_of_a_port_take_the_same_connection(branches: tuple[Branch, ...]) -> None:
    taken = [
        (branch.transport, protocol)
        for branch in branches
        for protocol in branch.protocols or ("",)
    ]

    assert len(taken) == len(set(taken))
