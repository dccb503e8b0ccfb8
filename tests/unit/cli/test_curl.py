"""The commands that ``up`` proposes, from what a gateway was sent."""

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret

from controlplane.cli.curl import Resources, Roots, trials
from controlplane.cli.envoy_json import message
from controlplane.identity.authority import Authority, kept_authority
from controlplane.identity.certificates import server_credential
from controlplane.sources.state import StateDirectory

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TYPE = "type.googleapis.com/envoy.extensions."
HTTP = f"{TYPE}filters.network.http_connection_manager.v3.HttpConnectionManager"
TCP_PROXY = {"@type": f"{TYPE}filters.network.tcp_proxy.v3.TcpProxy", "cluster": "db"}
TCP = {"name": "envoy.filters.network.tcp_proxy", "typed_config": TCP_PROXY}
FORWARD = {"cluster": "outbound|80||shop.default.svc.cluster.local"}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return kept_authority(StateDirectory.opened(tmp_path / "state").authority, NOW)


def commands(
    chain: dict[str, object],
    *virtual_hosts: dict[str, object],
    port: int = 8080,
    address: str = "0.0.0.0",
    secrets: tuple[dict[str, object], ...] = (),
    roots: Roots | None = None,
    empty: tuple[str, ...] = (),
    missing: tuple[str, ...] = (),
) -> list[tuple[str, str]]:
    """Command and expectation of a gateway with one listener of one chain and one table."""
    where = {"socket_address": {"address": address, "port_value": port}}
    listener = message({"address": where, "filter_chains": [chain]}, Listener)
    table = message({"virtual_hosts": list(virtual_hosts)}, RouteConfiguration)
    resources = Resources(
        listeners=(listener,),
        tables={"table": table},
        secrets=tuple(message(secret, Secret) for secret in secrets),
        is_empty=lambda cluster: cluster in (*empty, *missing),
        is_missing=lambda cluster: cluster in missing,
    )
    found = trials(resources, roots or Roots((), Path("root.pem")))
    return [(trial.command, trial.expected) for trial in found]


def http(**more: object) -> dict[str, object]:
    config = {"@type": HTTP, "rds": {"route_config_name": "table"}}
    return {"filters": [{"name": "http", "typed_config": config}], **more}


def virtual_host(domain: str, *routes: dict[str, object], **more: object) -> dict[str, object]:
    return {"name": domain, "domains": [domain], "routes": list(routes), **more}


def tls(secret: str = "cert", **more: object) -> dict[str, object]:
    context = {
        "@type": f"{TYPE}transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {"tls_certificate_sds_secret_configs": [{"name": secret}]},
    }
    return {"name": "tls", "typed_config": {**context, **more}}


def certificate(authority: Authority, *names: str) -> dict[str, object]:
    chain = server_credential(authority, names, NOW, timedelta(days=9)).chain
    inline = {"inline_bytes": base64.b64encode(chain).decode()}
    return {"name": "cert", "tls_certificate": {"certificate_chain": inline}}


def test_a_host_is_asked_for_by_its_header() -> None:
    everything = {"match": {"prefix": "/"}, "route": FORWARD}

    assert commands(http(), virtual_host("shop.example", everything)) == [
        ("curl -H 'Host: shop.example' http://127.0.0.1:8080/", "shop.default:80")
    ]
    assert commands(http(), virtual_host("*", everything)) == [
        ("curl http://127.0.0.1:8080/", "shop.default:80")
    ]
    assert commands(http(), virtual_host("*.shop.example", everything)) == [
        ("curl -H 'Host: any.shop.example' http://127.0.0.1:8080/", "shop.default:80")
    ]


def test_the_path_is_one_that_needs_no_headers() -> None:
    for_testers = {"match": {"prefix": "/", "headers": [{"name": "x"}]}, "route": FORWARD}
    about = {"match": {"path": "/about"}, "direct_response": {"status": 200}}

    assert commands(http(), virtual_host("*", for_testers, about)) == [
        ("curl http://127.0.0.1:8080/about", "200 from Envoy")
    ]


def test_a_redirect_to_https_is_shown_with_its_headers() -> None:
    assert commands(http(), virtual_host("*", require_tls="ALL")) == [
        ("curl -i http://127.0.0.1:8080/", "301 to https")
    ]


def test_a_virtual_host_without_routes_is_nothing_to_try() -> None:
    assert commands(http(), virtual_host("*")) == []


def test_a_listener_of_one_address_is_asked_there() -> None:
    everything = {"match": {"prefix": "/"}, "route": FORWARD}

    ((command, _),) = commands(http(), virtual_host("*", everything), address="127.0.0.9")

    assert command == "curl http://127.0.0.9:8080/"


def test_https_trusts_the_authority_and_asks_for_a_name_of_the_certificate(
    authority: Authority,
) -> None:
    everything = {"match": {"prefix": "/"}, "route": FORWARD}
    roots = Roots(authority.roots, Path("/state/root.pem"))
    secret = certificate(authority, "shop.example")

    ((command, _),) = commands(
        http(transport_socket=tls()),
        virtual_host("*", everything),
        port=8443,
        secrets=(secret,),
        roots=roots,
    )

    assert command == (
        "curl --cacert /state/root.pem --connect-to ::127.0.0.1:8443 https://shop.example/"
    )


def test_https_with_a_certificate_of_somebody_else_is_not_verified() -> None:
    everything = {"match": {"prefix": "/"}, "route": FORWARD}

    ((command, _),) = commands(
        http(transport_socket=tls()),
        virtual_host("shop.example", everything),
        port=8443,
        secrets=({"name": "cert"},),
    )

    assert command == "curl --insecure --connect-to ::127.0.0.1:8443 https://shop.example/"


def test_a_client_certificate_is_asked_for_where_one_is_needed() -> None:
    everything = {"match": {"prefix": "/"}, "route": FORWARD}

    ((command, expected),) = commands(
        http(transport_socket=tls(require_client_certificate=True)),
        virtual_host("shop.example", everything),
        secrets=({"name": "cert"},),
    )

    assert " --cert client.crt --key client.key " in command
    assert expected == (
        "shop.default:80; before: controlplane cert client --client --out . --state ."
    )


def test_tls_that_is_passed_through_is_asked_by_its_name() -> None:
    chain = {"filter_chain_match": {"server_names": ["db.example"]}, "filters": [TCP]}

    assert commands(chain, port=8443) == [
        ("curl --insecure --connect-to ::127.0.0.1:8443 https://db.example/", "db")
    ]


def test_a_port_of_streams_is_asked_by_netcat() -> None:
    assert commands({"filters": [TCP]}, port=5432) == [("nc 127.0.0.1 5432", "db")]


V1, V2 = (f"outbound|80|v{n}|shop.default.svc.cluster.local" for n in (1, 2))


def weighted(*clusters: str) -> dict[str, object]:
    return {"weighted_clusters": {"clusters": [{"name": c, "weight": 50} for c in clusters]}}


@pytest.mark.parametrize(
    ("action", "empty", "expected"),
    [
        (
            {"cluster": V2},
            [V2],
            "shop.default:80 v2 → 503: it has no endpoints; "
            "--local shop.default/v2=PORT connects it",
        ),
        ({"cluster": V2}, [V1], "shop.default:80 v2"),
        (
            weighted(V1, V2),
            [V2],
            "shop.default:80 v1 50%, shop.default:80 v2 50% → 503 by shop.default:80 v2: it has no "
            "endpoints; --local shop.default/v2=PORT connects it",
        ),
        (
            {"cluster": "outbound|443||api.partner.com"},
            ["outbound|443||api.partner.com"],
            "api.partner.com:443 → 503: it has no endpoints; "
            "--local api.partner.com=PORT connects it",
        ),
        ({"cluster": "gone"}, ["gone"], "gone → 503: it has no endpoints"),
    ],
    ids=["a subset", "another one", "one of two", "an external host", "no service"],
)
def test_what_has_no_endpoints_is_said_to_answer_503(
    action: dict[str, object], empty: list[str], expected: str
) -> None:
    everything = {"match": {"prefix": "/"}, "route": action}

    [(_, said)] = commands(http(), virtual_host("*", everything), empty=tuple(empty))

    assert said == expected


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ({"cluster": V2}, "shop.default:80 v2 → 500: it does not exist"),
        (
            weighted(V1, V2),
            "shop.default:80 v1 50%, shop.default:80 v2 50% → 500 by shop.default:80 v2: it does "
            "not exist",
        ),
    ],
)
def test_a_backend_that_is_not_there_is_said_to_answer_what_its_route_says(
    action: dict[str, object], expected: str
) -> None:
    failing = {**action, "cluster_not_found_response_code": "INTERNAL_SERVER_ERROR"}
    route = {"match": {"prefix": "/"}, "route": failing}

    [(_, said)] = commands(http(), virtual_host("*", route), missing=(V2,))
    [(_, of_empty)] = commands(http(), virtual_host("*", route), empty=(V2,))

    assert said == expected
    assert "503" in of_empty


def test_a_stream_to_what_has_no_endpoints_is_said_to_be_closed() -> None:
    assert commands({"filters": [TCP]}, empty=("db",)) == [
        ("nc 127.0.0.1 8080", "db → closed: it has no endpoints")
    ]


@pytest.mark.parametrize(
    "match",
    [
        {"prefix": "/", "headers": [{"name": "x-beta", "string_match": {"exact": "yes"}}]},
        {"safe_regex": {"regex": "/v[12]/.*"}},
    ],
    ids=["a header", "a regular expression"],
)
def test_where_a_path_alone_leads_nowhere_404_is_said(match: dict[str, object]) -> None:
    assert commands(http(), virtual_host("*", {"match": match, "route": FORWARD})) == [
        (
            "curl http://127.0.0.1:8080/",
            "404, unless a request has the headers or the path that a route asks for",
        )
    ]


def test_a_server_without_its_certificate_is_said_to_be_closed() -> None:
    everything = {"match": {"prefix": "/"}, "route": FORWARD}
    chain = http(
        filter_chain_match={"server_names": ["shop.example"]},
        transport_socket=tls("kubernetes://shop"),
    )

    assert commands(chain, virtual_host("*", everything), port=8443) == [
        (
            "",
            "TLS on 127.0.0.1:8443 for shop.example is closed: there is no usable certificate in "
            "shop",
        )
    ]


def test_a_server_without_what_it_verifies_clients_with_is_said_to_be_closed() -> None:
    everything = {"match": {"prefix": "/"}, "route": FORWARD}
    verifying = {
        "combined_validation_context": {
            "validation_context_sds_secret_config": {"name": "kubernetes://shop-cacert"}
        },
        "tls_certificate_sds_secret_configs": [{"name": "cert"}],
    }
    chain = http(transport_socket=tls(common_tls_context=verifying))

    [(command, said)] = commands(
        chain, virtual_host("*", everything), port=8443, secrets=({"name": "cert"},)
    )

    assert (command, said[-14:]) == ("", "in shop-cacert")
