"""``controlplane bootstrap``: what stands in it, and what Envoy says to it."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from controlplane.cli.main import main
from controlplane.identity.authority import kept_authority
from controlplane.identity.token_keys import kept_token_key
from controlplane.identity.tokens import Tokens
from controlplane.model.proxy import Role
from controlplane.sources.state import StateDirectory
from tests.support.envoy import envoy_binary

GATEWAY = ("gateway", "edge", "--namespace", "shop")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["bootstrap", *arguments])


def document(*arguments: str) -> Any:
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def ads(document: Any) -> Any:
    return document["dynamic_resources"]["ads_config"]


def authorization(printed: Any) -> str:
    """The header that Envoy adds to its requests."""
    (secret,) = printed["static_resources"]["secrets"]
    value: str = secret["generic_secret"]["secret"]["inline_string"]
    return value


def xds_cluster(document: Any) -> Any:
    [cluster] = (c for c in document["static_resources"]["clusters"] if c["name"] == "xds-grpc")
    return cluster


def probes(*options: str, state: Path) -> tuple[dict[str, int], list[str]]:
    """The static listeners with their ports, and the clusters."""
    given = ("gateway", "edge", "--namespace", "shop", "--state", str(state), *options)
    static = document(*given)["static_resources"]
    ports = {
        one["name"]: one["address"]["socket_address"]["port_value"] for one in static["listeners"]
    }
    return ports, [cluster["name"] for cluster in static["clusters"]]


def test_an_envoy_answers_probes_on_istios_ports_or_elsewhere(tmp_path: Path) -> None:
    state = tmp_path / "state"
    off = ("--ready", "off", "--metrics", "off")

    assert probes(state=state) == ({"ready": 15021, "metrics": 15090}, ["admin", "xds-grpc"])
    assert probes("--ready", "127.0.0.1:1", "--metrics", "off", state=state) == (
        {"ready": 1},
        ["admin", "xds-grpc"],
    )
    assert probes(*off, state=state) == ({}, ["xds-grpc"])


def test_the_node_says_what_istios_agent_says(tmp_path: Path) -> None:
    printed = document(
        *("sidecar", "cart-7", "--namespace", "shop", "--service-account", "cart"),
        *("--label", "version=v1", "--label", "app=cart", "--ip", "10.0.0.7", "--ip", "fd00::7"),
        *("--locality", "eu/eu-1", "--metadata", "IDLE_TIMEOUT=30s"),
        *("--state", str(tmp_path / "state")),
    )

    assert printed["node"] == {
        "id": "sidecar~10.0.0.7~cart-7.shop~shop.svc.cluster.local",
        "cluster": "cart-7.shop",
        "metadata": {
            "NAME": "cart-7",
            "NAMESPACE": "shop",
            "SERVICE_ACCOUNT": "cart",
            "WORKLOAD_NAME": "cart-7",
            "INSTANCE_IPS": "10.0.0.7,fd00::7",
            "LABELS": {"app": "cart", "version": "v1"},
            "CLUSTER_ID": "Kubernetes",
            "MESH_ID": "cluster.local",
            "INTERCEPTION_MODE": "REDIRECT",
            "ISTIO_VERSION": "1.31.0",
            "IDLE_TIMEOUT": "30s",
        },
        "locality": {"region": "eu", "zone": "eu-1"},
    }


def test_a_gateway_is_a_router(tmp_path: Path) -> None:
    printed = document(*GATEWAY, "--state", str(tmp_path / "state"))

    assert printed["node"]["id"] == "router~127.0.0.1~edge.shop~shop.svc.cluster.local"
    assert "locality" not in printed["node"]
    assert printed["admin"]["address"]["socket_address"] == {
        "address": "127.0.0.1",
        "port_value": 15000,
    }


def test_the_token_is_good_at_the_server_of_that_state(tmp_path: Path) -> None:
    printed = document(*GATEWAY, "--service-account", "edge", "--state", str(tmp_path / "state"))

    scheme, _, token = authorization(printed).partition(" ")
    area = StateDirectory.opened(tmp_path / "state").authority
    identity = Tokens(key=kept_token_key(area)).verify(token, datetime.now(UTC)).identity
    assert scheme == "Bearer"
    assert (identity.namespace, identity.service_account) == ("shop", "edge")
    assert identity.role is Role.GATEWAY
    tls = xds_cluster(printed)["transport_socket"]["typed_config"]
    context = tls["common_tls_context"]["validation_context"]
    root = kept_authority(area, datetime.now(UTC)).trust_bundle.decode()
    assert context["trusted_ca"] == {"inline_string": root}
    assert context["match_typed_subject_alt_names"] == [
        {"san_type": "DNS", "matcher": {"exact": "xds.controlplane.internal"}}
    ]
    assert tls["sni"] == "xds.controlplane.internal"


def test_xds_is_delta_and_comes_back_fast(tmp_path: Path) -> None:
    printed = document(*GATEWAY, "--state", str(tmp_path / "state"))

    assert ads(printed)["api_type"] == "DELTA_GRPC"
    assert ads(printed)["set_node_on_first_message_only"] is True
    [service] = ads(printed)["grpc_services"]
    assert service["envoy_grpc"]["retry_policy"]["retry_back_off"] == {
        "base_interval": "0.2s",
        "max_interval": "2s",
    }


def test_elsewhere_token_and_root_come_as_files(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    token, root = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text(run(*GATEWAY, "--only-token", "--state", state).stdout)
    root.write_text(CliRunner().invoke(main, ["cert", "--trust", "--state", state]).stdout)

    printed = document(*GATEWAY, "--token", str(token), "--root-cert", str(root))

    assert authorization(printed) == f"Bearer {token.read_text().strip()}"
    tls = xds_cluster(printed)["transport_socket"]["typed_config"]["common_tls_context"]
    assert tls["validation_context"]["trusted_ca"]["inline_string"] == root.read_text()


def test_plaintext_carries_no_token() -> None:
    printed = document(*GATEWAY, "--insecure-xds")

    assert "secrets" not in printed["static_resources"]
    (options,) = xds_cluster(printed)["typed_extension_protocol_options"].values()
    assert "http_filters" not in options
    assert "transport_socket" not in xds_cluster(printed)


def test_a_token_may_be_in_a_file_that_envoy_follows(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    file = "/run/edge/token.yaml"
    printed = document(*GATEWAY, "--token-file", file, "--state", state)

    assert "secrets" not in printed["static_resources"]
    (options,) = xds_cluster(printed)["typed_extension_protocol_options"].values()
    injector = options["http_filters"][0]["typed_config"]["credential"]["typed_config"]
    assert injector["credential"] == {
        "name": "xds-token",
        "sds_config": {"path_config_source": {"path": file}, "resource_api_version": "V3"},
    }
    assert "eyJ" not in json.dumps(printed)


def test_a_followed_file_needs_no_state_directory(tmp_path: Path) -> None:
    root = tmp_path / "ca.crt"
    state = str(tmp_path / "state")
    root.write_text(CliRunner().invoke(main, ["cert", "--trust", "--state", state]).stdout)

    printed = document(*GATEWAY, "--token-file", "token.yaml", "--root-cert", str(root))

    tls = xds_cluster(printed)["transport_socket"]["typed_config"]["common_tls_context"]
    assert tls["validation_context"]["trusted_ca"]["inline_string"] == root.read_text()


def test_replicas_share_a_bootstrap_without_id(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    printed = document("sidecar", "cart", "--namespace", "shop", "--replicas", "--state", state)

    assert "id" not in printed["node"]
    assert printed["node"]["cluster"] == "cart.shop"
    said = printed["node"]["metadata"]
    assert (said["WORKLOAD_NAME"], said["NAMESPACE"]) == ("cart", "shop")
    assert said.keys().isdisjoint({"NAME", "INSTANCE_IPS"})


def test_the_admin_interface_may_be_a_socket_of_envoys_user_alone(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    printed = document(*GATEWAY, "--admin", "unix:/run/edge/admin.sock", "--state", state)

    assert printed["admin"]["address"] == {"pipe": {"path": "/run/edge/admin.sock", "mode": 0o600}}
    admin = printed["static_resources"]["clusters"][0]["load_assignment"]
    assert admin["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"] == {
        "pipe": {"path": "/run/edge/admin.sock"}
    }


@pytest.mark.parametrize("role", ["gateway", "sidecar"])
def test_the_admin_interface_is_for_the_machine_alone(tmp_path: Path, role: str) -> None:
    printed = document(role, "a", "--namespace", "shop", "--state", str(tmp_path / "state"))

    assert printed["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--token-file", "t.yaml", "--only-token"), "--token-file excludes --token,"),
        (("--token-file", "t.yaml", "--insecure-xds"), "--token-file excludes --token,"),
        (("--token-file", "t.yaml", "--days", "1"), "--days is for a token that this command"),
        (("--token-file", "token"), '"token" does not end in .yaml, .yml or .json'),
        (("--root-cert", __file__), "--root-cert goes with --token or --token-file"),
        (("--replicas", "--ip", "10.0.0.1"), "--replicas excludes --ip"),
        (("--admin", "unix:"), '"unix:" is not HOST:PORT'),
        (("--admin", f"unix:/{'x' * 107}"), "is longer than 107 bytes, as sockets are"),
        (("--insecure-xds", "--xds", "10.0.0.1:15010"), "xDS servers on loopback only"),
        (("--token", __file__), "--token and --root-cert go together"),
        (("--token", __file__, "--root-cert", __file__), "holds no PEM certificate"),
        (("--token", __file__, "--state", "x"), "--token excludes --state"),
        (("--xds", "15010"), '"15010" is not HOST:PORT'),
        (("--ip", "here"), '"here" is not an IP address'),
        (("--label", "app"), '"app" is not KEY=VALUE'),
        (("--locality", "a/b/c/d"), "more parts than REGION/ZONE/SUBZONE"),
        (("--namespace", "a.b"), '"a.b" is not a namespace'),
        (("--service-account", "Edge~"), '"Edge~" is not made of lower-case letters'),
    ],
)
def test_what_cannot_be_is_reported(arguments: tuple[str, ...], message: str) -> None:
    result = run(*GATEWAY, *arguments)

    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.envoy
@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--xds", "controlplane:15010", "--locality", "eu/eu-1/a"),
        ("--xds", "[::1]:15010"),
        ("--insecure-xds", "--xds", "localhost:15010"),
        ("--admin", "unix:admin.sock"),
    ],
)
def test_envoy_takes_it_without_a_warning(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    file = tmp_path / "bootstrap.json"
    file.write_text(run(*GATEWAY, *arguments, "--state", str(tmp_path / "state")).stdout)

    command = [envoy_binary(), "--mode", "validate", "-l", "warning", "-c", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (result.returncode, result.stderr) == (0, "")


def test_a_sidecar_names_its_group_in_its_token_and_asks_how_to_probe(tmp_path: Path) -> None:
    sidecar = ("sidecar", "cart", "--namespace", "shop", "--group", "cart-v1")

    printed = document(*sidecar, "--state", str(tmp_path / "state"))

    token = authorization(printed).partition(" ")[2]
    area = StateDirectory.opened(tmp_path / "state").authority
    verified = Tokens(key=kept_token_key(area)).verify(token, datetime.now(UTC))
    assert verified.group == "cart-v1"
    assert printed["hds_config"]["api_type"] == "GRPC"
    assert "hds_config" not in document(*GATEWAY, "--state", str(tmp_path / "state"))
    assert "is for sidecars" in run(*GATEWAY, "--group", "cart-v1").stderr
