"""What of a proxy's configuration concerns a host or a port, and Envoy's own dump."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from controlplane.admin.view import ProxyConfig
from controlplane.base.addresses import Address
from controlplane.base.errors import ConfigMissing
from controlplane.cli.config_filter import filtered, specificity
from controlplane.cli.envoy_dump import admin_of, dump
from controlplane.cli.main import main


def resource(name: str, **fields: object) -> dict[str, object]:
    return {"name": name, "version": "1", "resource": fields}


def listener(port: int, *names: str) -> dict[str, object]:
    chain = {"filter_chain_match": {"server_names": list(names)}} if names else {"filters": []}
    address = {"socket_address": {"address": "0.0.0.0", "port_value": port}}
    return resource(f"0.0.0.0_{port}", address=address, filter_chains=[chain])


def table(name: str, *domains: str) -> dict[str, object]:
    hosts = [{"name": domain, "domains": [domain, f"{domain}:*"]} for domain in domains]
    parts = [{"name": domain, "origins": []} for domain in domains]
    return {**resource(name, virtual_hosts=hosts), "parts": parts}


def service(host: str, port: int) -> dict[str, object]:
    return resource(f"outbound|{port}||{host}")


CONFIG = msgspec.convert(
    {
        "proxy": "edge.shop",
        "role": "gateway",
        "service_account": "edge",
        "labels": {},
        "addresses": [],
        "revision": 7,
        "listeners": [listener(80), listener(443, "a.example"), listener(9443, "*.b.example")],
        "routes": [table("http.80", "a.example", "*.example", "*"), table("https.443.x", "*")],
        "clusters": [
            service("reviews.default.svc.cluster.local", 80),
            service("reviews.default.svc.cluster.local", 9080),
            service("api.example", 443),
            resource("BlackHoleCluster"),
        ],
        "endpoints": [service("api.example", 443)],
        "secrets": [resource("default")],
    },
    ProxyConfig,
)


def names(host: str | None = None, port: int | None = None) -> list[str]:
    found = filtered(CONFIG, host, port)
    parts = (found.listeners, found.routes, found.clusters, found.endpoints, found.secrets)
    return [one.name for part in parts if part is not msgspec.UNSET for one in part]


def test_without_a_filter_all_is_kept() -> None:
    assert filtered(CONFIG, None, None) is CONFIG


def test_a_port_selects_listeners_tables_and_clusters() -> None:
    assert names(port=443) == [
        "0.0.0.0_443",
        "https.443.x",
        "outbound|443||api.example",
        "outbound|443||api.example",
        "default",
    ]


def test_a_host_selects_what_takes_it() -> None:
    assert names(host="A.example") == [
        "0.0.0.0_80",
        "0.0.0.0_443",
        "http.80",
        "https.443.x",
        "default",
    ]


@pytest.mark.parametrize(
    "host", ["reviews", "reviews.default", "reviews.default.svc.cluster.local"]
)
def test_a_service_is_named_as_short_as_people_do(host: str) -> None:
    found = filtered(CONFIG, host, 9080).clusters

    assert [one.name for one in found or ()] == ["outbound|9080||reviews.default.svc.cluster.local"]


def test_of_virtual_hosts_the_one_that_answers_is_kept() -> None:
    found = filtered(CONFIG, "x.example", 80).routes

    assert found
    assert found[0].resource["virtual_hosts"] == [
        {"name": "*.example", "domains": ["*.example", "*.example:*"]}
    ]
    assert [part.name for part in found[0].parts] == ["*.example"]


@pytest.mark.parametrize(
    ("domain", "host", "better_than"),
    [
        ("a.example.com", "a.example.com", "*.example.com"),
        ("*.example.com", "a.example.com", "*.com"),
        ("*.com", "a.example.com", "*"),
        ("*", "a.example.com", "*.example.org"),
        ("*", "example.com", "*.example.com"),
    ],
)
def test_the_more_specific_domain_answers(domain: str, host: str, better_than: str) -> None:
    assert specificity(domain, host) > specificity(better_than, host)


@pytest.fixture
def envoy() -> Iterator[Address]:
    body = json.dumps(
        {
            "configs": [
                {"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump"},
                {"@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump", "a": "ü"},
            ]
        }
    ).encode()

    class Admin(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/config_dump?include_eds" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Admin) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        yield Address("127.0.0.1", server.server_port)


def test_a_part_of_envoys_dump_is_shown_as_it_is(envoy: Address) -> None:
    command = ["config", "edge", "routes", "-o", "envoy", "--envoy-admin", str(envoy)]

    result = CliRunner().invoke(main, command)

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "configs": [{"@type": "type.googleapis.com/envoy.admin.v3.RoutesConfigDump", "a": "ü"}]
    }


def test_the_whole_dump_has_all_parts(envoy: Address) -> None:
    assert len(json.loads(dump(envoy, "all"))["configs"]) == 2


def test_the_admin_interface_is_that_of_the_envoy_that_up_runs(tmp_path: Path) -> None:
    (tmp_path / "envoys").mkdir()
    admin = {"admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 9}}}}
    (tmp_path / "envoys" / "edge.shop.json").write_text(json.dumps(admin))

    assert admin_of(tmp_path, "edge.shop") == Address("127.0.0.1", 9)
    with pytest.raises(ConfigMissing) as missing:
        admin_of(tmp_path, "other.shop")
    assert missing.value.hint == "say where its admin interface is with --envoy-admin HOST:PORT"


def test_envoys_dump_takes_no_filter() -> None:
    result = CliRunner().invoke(main, ["config", "edge", "-o", "envoy", "--port", "80"])

    assert result.exit_code == 2
    assert "-o envoy shows Envoy's dump as it is, without a filter" in result.stderr
