"""Policies of action CUSTOM as Envoy gets them, and what becomes of calls that nobody decides."""

from datetime import timedelta
from typing import Any

import pytest

from controlplane.base.names import Namespace
from controlplane.envoy.policy_configs import policy_filter_config, refusing_config
from controlplane.kinds.istio.extension_providers import (
    ExtensionProvider,
    GrpcAuthorization,
    HttpAuthorization,
    Prometheus,
    RequestBody,
)
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.spec import Duration
from controlplane.model.proxy import ResolvedProxy, Role
from tests.support.checked import checked
from tests.support.decided_calls import chains_of
from tests.support.declared import Declared

SERVICE = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 8080, name: http, protocol: HTTP}, hosts: ["*"]}
  - {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ["*"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: tcp, namespace: istio-system}
spec: {hosts: ["*"], gateways: [gw], tcp: [{route: [{destination: {host: a.example}}]}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: authz, namespace: infra}
spec:
  hosts: [authz.example.com]
  ports: [{number: 8000, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 192.0.2.1}]
"""
HTTP = HttpAuthorization(service="authz.example.com", port=8000)
GRPC = GrpcAuthorization(service="authz.example.com", port=8000)
CLUSTER = "outbound|8000||authz.example.com"
CODE = "CP0530"
DENIED = "-deny-due-to-bad-CUSTOM-action"


def custom(name: str, provider: str = "ask", rules: str = "[{}]") -> str:
    return f"""---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: istio-system}}
spec: {{action: CUSTOM, provider: {{name: {provider}}}, rules: {rules}}}
"""


def mesh(*providers: ExtensionProvider) -> MeshConfig:
    return MeshConfig(extension_providers=providers)


ASK_HTTP = mesh(ExtensionProvider(name="ask", envoy_ext_authz_http=HTTP))
ASK_GRPC = mesh(ExtensionProvider(name="ask", envoy_ext_authz_grpc=GRPC))


def filters(text: str, of_mesh: MeshConfig, port: str = "8080") -> list[dict[str, Any]]:
    """The configurations of what policies put into the chain of a port, in its order."""
    found = dict(chains_of(Declared(SERVICE + text, mesh=of_mesh).listeners()))
    names = (".rbac", ".ext_authz")
    filters = [each for each in found[f"0.0.0.0_{port} "] if each["name"].endswith(names)]
    return [dict(each["typed_config"]) for each in filters]


def refused(config: dict[str, Any]) -> list[str]:
    """The names of the rules that a filter refuses by."""
    assert config["rules"]["action"] == "DENY"
    return sorted(config["rules"]["policies"])


def test_a_provider_over_http_is_asked_about_what_the_rules_mark() -> None:
    marks, asks = filters(custom("a", rules='[{to: [{operation: {paths: ["/x"]}}]}]'), ASK_HTTP)

    assert "rules" not in marks
    assert marks["shadow_rules"]["action"] == "DENY"
    assert list(marks["shadow_rules"]["policies"]) == [
        "istio-ext-authz-ask-ns[istio-system]-policy[a]-rule[0]"
    ]
    assert marks["shadow_rules_stat_prefix"] == "istio_ext_authz_"
    assert asks == {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
        "transport_api_version": "V3",
        "http_service": {
            "server_uri": {
                "uri": "http://authz.example.com",
                "cluster": CLUSTER,
                "timeout": "600s",
            }
        },
        "filter_enabled_metadata": {
            "filter": "envoy.filters.http.rbac",
            "path": [{"key": "istio_ext_authz_shadow_effective_policy_id"}],
            "value": {"string_match": {"prefix": "istio-ext-authz-ask"}},
        },
    }


def test_every_setting_of_a_provider_over_http_reaches_envoy() -> None:
    provider = HttpAuthorization(
        service="infra/authz.example.com",
        port=8000,
        timeout=Duration(timedelta(milliseconds=500)),
        path_prefix="/check",
        fail_open=True,
        status_on_error="503",
        include_headers_in_check=("unused",),
        include_request_headers_in_check=("a", "x-*", "*-y"),
        include_additional_headers_in_check={"d": "1", "c": "2"},
        include_request_body_in_check=RequestBody(
            max_request_bytes=10, allow_partial_message=True, pack_as_bytes=True
        ),
        headers_to_upstream_on_allow=("e",),
        headers_to_downstream_on_deny=("f",),
        headers_to_downstream_on_allow=("g",),
    )

    found = filters(custom("a"), mesh(ExtensionProvider(name="ask", envoy_ext_authz_http=provider)))

    def headers(*patterns: dict[str, Any]) -> dict[str, Any]:
        return {"patterns": [{**pattern, "ignore_case": True} for pattern in patterns]}

    _, asks = found
    assert asks["failure_mode_allow"] is True
    assert asks["status_on_error"] == {"code": "ServiceUnavailable"}
    assert asks["with_request_body"] == {
        "max_request_bytes": 10,
        "allow_partial_message": True,
        "pack_as_bytes": True,
    }
    assert asks["allowed_headers"] == headers({"exact": "a"}, {"prefix": "x-"}, {"suffix": "-y"})
    assert asks["http_service"] == {
        "server_uri": {
            "uri": "http://authz.example.com",
            "cluster": CLUSTER,
            "timeout": "0.500s",
        },
        "path_prefix": "/check",
        "authorization_request": {
            "headers_to_add": [{"key": "c", "value": "2"}, {"key": "d", "value": "1"}]
        },
        "authorization_response": {
            "allowed_upstream_headers": headers({"exact": "e"}),
            "allowed_client_headers": headers({"exact": "f"}),
            "allowed_client_headers_on_success": headers({"exact": "g"}),
        },
    }


def test_the_older_name_of_headers_is_used_where_the_newer_is_not_given() -> None:
    provider = HttpAuthorization(
        service="authz.example.com", port=8000, include_headers_in_check=("a",)
    )

    _, asks = filters(
        custom("a"), mesh(ExtensionProvider(name="ask", envoy_ext_authz_http=provider))
    )

    assert asks["allowed_headers"] == {"patterns": [{"exact": "a", "ignore_case": True}]}


def test_a_provider_over_grpc_is_asked_about_requests_and_connections() -> None:
    service = {
        "envoy_grpc": {"cluster_name": CLUSTER, "authority": "authz.example.com"},
        "timeout": "600s",
    }

    _, of_requests = filters(custom("a"), ASK_GRPC)
    marks, of_connections = filters(custom("a"), ASK_GRPC, "9000")

    assert of_requests["grpc_service"] == service
    assert marks["stat_prefix"] == "tcp."
    assert of_connections == {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.ext_authz.v3.ExtAuthz",
        "stat_prefix": "tcp.",
        "grpc_service": service,
        "transport_api_version": "V3",
        "filter_enabled_metadata": {
            "filter": "envoy.filters.network.rbac",
            "path": [{"key": "istio_ext_authz_shadow_effective_policy_id"}],
            "value": {"string_match": {"prefix": "istio-ext-authz-ask"}},
        },
    }


def test_a_provider_over_http_is_not_asked_about_connections() -> None:
    assert filters(custom("a"), ASK_HTTP, "9000") == []


@pytest.mark.parametrize(
    "providers",
    [
        pytest.param((), id="not declared"),
        pytest.param((ExtensionProvider(name="ask"),), id="faulty"),
        pytest.param((ExtensionProvider(name="ask", prometheus=Prometheus()),), id="for telemetry"),
        *(
            pytest.param(
                (
                    ExtensionProvider(
                        name="ask",
                        envoy_ext_authz_grpc=GrpcAuthorization(service=service, port=8000),
                    ),
                ),
                id=service,
            )
            for service in ("authz", "other/authz.example.com", "other.example.com")
        ),
    ],
)
@pytest.mark.parametrize("port", ["8080", "9000"])
def test_what_nobody_can_be_asked_about_is_refused(
    providers: tuple[ExtensionProvider, ...], port: str
) -> None:
    (refuses,) = filters(custom("a"), mesh(*providers), port)

    assert refused(refuses) == [f"istio-ext-authz-ask-ns[istio-system]-policy[a]-rule[0]{DENIED}"]


def test_a_host_of_two_namespaces_needs_the_namespace_in_the_provider() -> None:
    second = SERVICE[SERVICE.rindex("---") :].replace("namespace: infra", "namespace: other")
    with_namespace = GrpcAuthorization(service="other/authz.example.com", port=8000)

    (refuses,) = filters(second + custom("a"), ASK_GRPC)
    found = filters(
        second + custom("a"),
        mesh(ExtensionProvider(name="ask", envoy_ext_authz_grpc=with_namespace)),
    )

    assert len(refused(refuses)) == 1
    assert len(found) == 2


def test_two_providers_at_one_workload_refuse_what_their_rules_match() -> None:
    providers = (
        ExtensionProvider(name="ask", envoy_ext_authz_http=HTTP),
        ExtensionProvider(name="other", envoy_ext_authz_grpc=GRPC),
    )

    found = filters(custom("b", "other") + custom("a") + custom("c"), mesh(*providers))

    assert [refused(config) for config in found] == [
        [f"istio-ext-authz-ask-ns[istio-system]-policy[{name}]-rule[0]{DENIED}" for name in "ac"],
        [f"istio-ext-authz-other-ns[istio-system]-policy[b]-rule[0]{DENIED}"],
    ]


def test_of_two_providers_with_one_name_the_last_is_asked() -> None:
    providers = (
        ExtensionProvider(name="ask", envoy_ext_authz_http=HTTP),
        ExtensionProvider(name="ask", envoy_ext_authz_grpc=GRPC),
    )

    _, asks = filters(custom("a"), mesh(*providers))

    assert "grpc_service" in asks


def test_a_provider_whose_service_comes_is_asked_and_refused_when_it_goes() -> None:
    service = SERVICE[SERVICE.rindex("---") :]
    declared = Declared(SERVICE + custom("a"), mesh=ASK_GRPC)

    def names() -> list[str]:
        found = dict(chains_of(declared.listeners()))["0.0.0.0_8080 "]
        return [each["name"] for each in found][:2]

    assert names()[1] == "envoy.filters.http.ext_authz"
    declared.remove(service)
    assert "envoy.filters.http.ext_authz" not in names()
    declared.edit(service)
    assert names()[1] == "envoy.filters.http.ext_authz"


def test_custom_policies_come_before_all_others() -> None:
    deny = custom("b").replace("CUSTOM, provider: {name: ask}", "DENY")

    marks, asks, denies = filters(deny + custom("a"), ASK_GRPC)

    assert "shadow_rules" in marks
    assert "grpc_service" in asks
    assert "rules" in denies


def test_the_filters_in_place_of_what_cannot_be_encoded_refuse() -> None:
    from envoy.extensions.filters.http.ext_authz.v3.ext_authz_pb2 import ExtAuthz
    from envoy.extensions.filters.http.rbac.v3.rbac_pb2 import RBAC

    from controlplane.model.authorization import Transport
    from controlplane.queries.policy.external_authorization import external_authorization

    provider = HttpAuthorization(service="authz.example.com", port=8000, fail_open=True)
    declared = Declared(
        SERVICE + custom("a"),
        mesh=mesh(ExtensionProvider(name="ask", envoy_ext_authz_http=provider)),
    )
    gateway = declared.instance()
    marks, asks = external_authorization(
        declared.graph, gateway.policies.authorization, Transport.HTTP
    )

    refusing = RBAC.FromString(refusing_config(marks))
    unanswered = ExtAuthz.FromString(refusing_config(asks))

    assert ExtAuthz.FromString(policy_filter_config(asks)).failure_mode_allow
    assert refusing.rules.action == 0  # ALLOW, and nothing is allowed
    assert not refusing.rules.policies
    assert not unanswered.failure_mode_allow
    assert unanswered.grpc_service.envoy_grpc.cluster_name == "outbound|8000||nobody.invalid"


@pytest.mark.parametrize(
    ("providers", "expected"),
    [
        pytest.param(
            (ExtensionProvider(name="asks", envoy_ext_authz_grpc=GRPC),),
            'the provider "ask" is not among the extensionProviders of MeshConfig, so what the '
            'rules match is refused -> rename it to "asks"',
            id="misspelled",
        ),
        pytest.param(
            (ExtensionProvider(name="ask"),),
            'the provider "ask" has a fault in MeshConfig, so what the rules match is refused',
            id="faulty",
        ),
        pytest.param(
            (
                ExtensionProvider(
                    name="ask", envoy_ext_authz_grpc=GrpcAuthorization(service="authz", port=1)
                ),
            ),
            'the provider "ask" names a service that does not exist (it needs the whole host '
            "name), so what the rules match is refused",
            id="a short name",
        ),
        pytest.param((ExtensionProvider(name="ask", envoy_ext_authz_http=HTTP),), None, id="good"),
    ],
)
def test_a_provider_that_cannot_be_asked_is_reported(
    providers: tuple[ExtensionProvider, ...], expected: str | None
) -> None:
    found = [line for line in checked(SERVICE + custom("a"), mesh=mesh(*providers)) if CODE in line]

    assert [line.partition(f"{CODE}: ")[2] for line in found] == ([expected] if expected else [])


SCOPED = """
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: shop}
spec: {egress: [{hosts: ["./*"]}]}
"""
SHOP = ResolvedProxy(
    role=Role.SIDECAR, namespace=Namespace("shop"), labels=(("app", "web"),), metadata=()
)


def of_shop(name: str, provider: str = "ask", label: str = "web") -> str:
    text = custom(name, provider).replace("istio-system", "shop")
    return text.replace("spec: {", f"spec: {{selector: {{matchLabels: {{app: {label}}}}}, ")


@pytest.mark.parametrize(
    ("policies", "providers", "expected"),
    [
        pytest.param(of_shop("a"), ("ask",), [CLUSTER], id="one provider"),
        pytest.param(custom("a"), ("ask",), [CLUSTER], id="for the whole mesh"),
        pytest.param(of_shop("a", label="other"), ("ask",), [], id="for others"),
        pytest.param("", ("ask",), [], id="no policy"),
        pytest.param(of_shop("a"), (), [], id="not declared"),
        pytest.param(
            of_shop("a") + of_shop("b", "or"), ("ask", "or"), [], id="nobody is asked by two"
        ),
    ],
)
def test_a_sidecar_reaches_its_provider_though_the_sidecar_does_not_import_it(
    policies: str, providers: tuple[str, ...], expected: list[str]
) -> None:
    of_mesh = mesh(*(ExtensionProvider(name=name, envoy_ext_authz_grpc=GRPC) for name in providers))
    declared = Declared(f"{SERVICE}---{SCOPED}{policies}", mesh=of_mesh)

    found = [name for name in declared.clusters(SHOP) if name.startswith("outbound|")]

    assert found == expected


def test_what_a_sidecar_imports_follows_its_policies() -> None:
    declared = Declared(f"{SERVICE}---{SCOPED}", mesh=ASK_GRPC)

    assert CLUSTER not in declared.clusters(SHOP)
    declared.edit(of_shop("a"))
    assert CLUSTER in declared.clusters(SHOP)
    declared.remove(of_shop("a"))
    assert CLUSTER not in declared.clusters(SHOP)


def test_of_a_provider_a_sidecar_imports_the_port_alone_and_no_listener() -> None:
    second = SERVICE[SERVICE.rindex("---") :].replace(
        "protocol: HTTP}]", "protocol: HTTP}, {number: 8001, name: tcp, protocol: TCP}]"
    )
    declared = Declared(second + f"---{SCOPED}" + of_shop("a"), mesh=ASK_GRPC)

    found = [name for name in declared.clusters(SHOP) if name.startswith("outbound|")]

    assert found == [CLUSTER]
    assert [name for name in declared.listeners(SHOP) if "800" in name] == []
