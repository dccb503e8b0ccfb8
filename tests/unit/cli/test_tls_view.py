"""What ``status --tls`` prints."""

from datetime import UTC, datetime

import msgspec

from controlplane.admin.tls import TlsState
from controlplane.cli.tls_view import lines

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEAF = {
    "subject": "CN=other",
    "issuer": "CN=root",
    "names": ["other.example.com"],
    "begins": "2025-01-01T00:00:00Z",
    "ends": "2026-01-11T12:00:00Z",
}
RULE = {"object": "DestinationRule/default/api", "path": "mesh/egress.yaml", "line": 3}
SECRET = {"object": "Secret/istio-system/api", "path": "secrets/istio-system/api", "line": 0}
API = {
    "host": "api.example.com",
    "cluster": "outbound|443||api.example.com",
    "mode": "MUTUAL",
    "proxies": ["egressgateway.istio-system"],
    "rules": [RULE],
    "expected": {
        "sni": "api.example.com",
        "names": ["api.example.com"],
        "trust": "kubernetes://api-cacert",
        "authorities": ["CN=root"],
        "certificate": "kubernetes://api",
    },
    "endpoints": [
        {
            "address": "10.0.0.1:443",
            "good": False,
            "message": "certificate of api.example.com is for other.example.com",
            "presented": [LEAF],
        },
        {"address": "10.0.0.2:443", "good": True, "message": "TLSv1.3, h2", "presented": []},
    ],
    "unprobed": 2,
    "good": False,
    "message": "certificate of api.example.com is for other.example.com",
}


EMPTY: dict[str, object] = {"destinations": [], "secrets": [], "problems": []}


def tls(**parts: object) -> TlsState:
    return msgspec.convert({**EMPTY, **parts}, TlsState)


def secret(**parts: object) -> dict[str, object]:
    nothing = {"certificate": None, "authorities": [], "users": [], "problems": []}
    return {"declared": SECRET, **nothing, **parts}


def text(**parts: object) -> str:
    shown = lines(tls(**parts), NOW)
    return "\n".join("".join(part for part, _ in line) for line in shown)


def test_a_failing_upstream_is_shown_with_what_was_expected_and_presented() -> None:
    assert text(destinations=[API]) == (
        "api.example.com:443  MUTUAL\n"
        "   from DestinationRule default/api (mesh/egress.yaml:3)\n"
        "   expected   SNI api.example.com, a certificate for api.example.com, by an authority of "
        "kubernetes://api-cacert (CN=root), presents kubernetes://api\n"
        "   fails      10.0.0.1:443  certificate of api.example.com is for other.example.com\n"
        "   presented  CN=other for other.example.com, by CN=root, until 2026-01-11 12:00 UTC "
        "(10 days left)\n"
        "   good       10.0.0.2:443  TLSv1.3, h2\n"
        "   2 more endpoints were not probed\n"
        "\n"
        "1 upstream (1 fails), 0 Secrets"
    )


def test_a_secret_is_shown_with_its_end_its_users_and_its_problems() -> None:
    problem = "CP0404: the key does not belong to it (the previous version stays in force)"
    at = {"proxy": "edge.shop", "address": "10.0.0.1:443", "server_name": "a.com"}
    seen = [
        {**at, "good": True, "message": "presents this certificate"},
        {**at, "good": False, "message": "presents another: CN=x, until 2026-01-01 00:00"},
        {**at, "good": None, "message": "could not be reached from here: Connection refused"},
    ]
    api = secret(certificate=LEAF, users=[RULE], problems=[problem], seen=seen)

    assert text(secrets=[api]) == (
        "no DestinationRule asks for TLS to an upstream\n"
        "Secret istio-system/api (secrets/istio-system/api)\n"
        "   holds      CN=other for other.example.com, by CN=root, until 2026-01-11 12:00 UTC "
        "(10 days left)\n"
        "   used by    DestinationRule default/api (mesh/egress.yaml:3)\n"
        "   seen       edge.shop at 10.0.0.1:443 as a.com presents this certificate\n"
        "   fails      edge.shop at 10.0.0.1:443 as a.com presents another: CN=x, until "
        "2026-01-01 00:00\n"
        "   not seen   edge.shop at 10.0.0.1:443 as a.com could not be reached from "
        "here: Connection refused\n"
        "   problem    CP0404: the key does not belong to it "
        "(the previous version stays in force)\n"
        "\n"
        "0 upstreams, 1 Secret (1 has problems)"
    )


def test_a_secret_that_is_not_there_is_shown_where_it_is_named() -> None:
    missing = {"declared": RULE, "problem": 'CP0401: secret "api" does not exist'}

    shown = text(problems=[missing])

    assert "DestinationRule default/api (mesh/egress.yaml:3)\n   problem    CP0401: secret" in shown


def test_it_is_good_when_every_handshake_is_and_no_secret_has_problems() -> None:
    good = {**API, "good": True}

    assert tls(destinations=[good], secrets=[secret()]).is_good
    assert not tls(destinations=[API]).is_good
    assert not tls(secrets=[secret(problems=["CP0407: it expires"])]).is_good
