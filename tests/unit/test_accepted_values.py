"""Values that are accepted and that Envoy would refuse, each translated to what it takes."""

from datetime import timedelta

import pytest

from controlplane.base.names import Namespace
from controlplane.kinds.istio.mesh_config import (
    DefaultTrafficPolicy,
    HeaderSwitch,
    MeshConfig,
    ProxyConfig,
    ProxyHeaders,
)
from controlplane.kinds.istio.traffic_policy import ConnectionPool, TcpPool
from controlplane.kinds.spec import Duration
from controlplane.model.proxy import ResolvedProxy, Role
from controlplane.model.tls import (
    KeyPairFiles,
    TrustFile,
    files_of,
    key_pair_files_name,
    trust_file_name,
)
from tests.support.declared import Declared

GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"], bind: BIND}
  - {port: {number: 8081, name: http-more, protocol: HTTP}, hosts: ["*"]}
"""
ENTRY = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: any, namespace: istio-system}
spec:
  hosts: ["*.example.org"]
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: DYNAMIC_DNS
"""


def test_a_server_at_an_address_with_a_zone_is_left_out_and_the_others_listen() -> None:
    declared = Declared(GATEWAY.replace("BIND", '"fe80::1%eth0"'))

    assert sorted(declared.listeners()) == ["0.0.0.0_8081"]
    assert declared.reported() == {"CP0217 Gateway/istio-system/front.spec.servers[0].bind"}


@pytest.mark.parametrize("name", ["a\nb", "a\r", "\0"])
def test_a_server_name_that_no_header_holds_is_istios(name: str) -> None:
    headers = ProxyHeaders(server=HeaderSwitch(value=name))
    mesh = MeshConfig(default_config=ProxyConfig(proxy_headers=headers))
    declared = Declared(GATEWAY.replace("BIND", '""'), mesh=mesh)

    assert "istio-envoy" in str(declared.listeners()["0.0.0.0_8080"])
    assert declared.reported() == {
        "CP0217 MeshConfig//mesh.defaultConfig.proxyHeaders.server.value"
    }


@pytest.mark.parametrize(
    ("text", "timeout"), [("-1s", "0s"), ("99999999h", "3153600000s"), ("60s", "60s")]
)
def test_an_idle_timeout_of_a_node_is_in_the_range_of_envoy(text: str, timeout: str) -> None:
    declared = Declared(GATEWAY.replace("BIND", '""'))
    proxy = ResolvedProxy(
        role=Role.GATEWAY,
        namespace=Namespace("istio-system"),
        labels=(("istio", "ingressgateway"),),
        metadata=(("IDLE_TIMEOUT", text),),
    )

    assert f"'idle_timeout': '{timeout}'" in str(declared.listeners(proxy))


def test_a_cluster_for_any_name_may_have_options_of_http_and_no_tls() -> None:
    pool = ConnectionPool(tcp=TcpPool(idle_timeout=Duration(timedelta(seconds=60))))
    mesh = MeshConfig(default_traffic_policy=DefaultTrafficPolicy(connection_pool=pool))
    declared = Declared(ENTRY, mesh=mesh)

    cluster = declared.clusters()["outbound|443||*.example.org"]

    assert cluster["typed_extension_protocol_options"]
    assert cluster["cluster_type"]["typed_config"]["allow_insecure_cluster_options"] is True


@pytest.mark.parametrize(
    ("certificate", "key"), [("/a~b", "/c~~d"), ("/a%7E", "/b%"), ("/a", "/b")]
)
def test_the_name_of_files_keeps_every_character_of_their_paths(certificate: str, key: str) -> None:
    assert files_of(key_pair_files_name(certificate, key)) == KeyPairFiles(
        certificate=certificate, private_key=key
    )
    assert files_of(trust_file_name(certificate, key)) == TrustFile(
        authorities=certificate, revoked=key
    )


def test_a_file_without_a_folder_is_in_the_folder_that_envoy_runs_in() -> None:
    assert files_of(key_pair_files_name("cert.pem", "key.pem")) == KeyPairFiles(
        certificate="./cert.pem", private_key="./key.pem"
    )
