"""The filters of policies as Envoy gets them."""

from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from controlplane.envoy.rbac import role_based_access
from controlplane.model.authorization import Verdict
from tests.support.decided_calls import chains_of
from tests.support.declared import Declared
from tests.unit.policies.given import rules_of

GATEWAY = """
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
"""


def policy(name: str, action: str, rules: str, annotations: str = "{}") -> str:
    return f"""---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: istio-system, annotations: {annotations}}}
spec: {{action: {action}, rules: {rules}}}
"""


def configs(text: str, port: str) -> list[dict[str, Any]]:
    """The configurations of RBAC in the chain of a port."""
    found = dict(chains_of(Declared(GATEWAY + text).listeners()))
    filters = [each for each in found[f"0.0.0.0_{port} "] if ".rbac" in each["name"]]
    return [dict(each["typed_config"]) for each in filters]


def test_all_policies_of_an_action_are_one_filter_in_the_order_of_evaluation() -> None:
    text = "".join(
        policy(name, action, "[{}, {}]")
        for name, action in (("a", "ALLOW"), ("b", "DENY"), ("c", "AUDIT"), ("d", "ALLOW"))
    )

    audit, deny, allow = configs(text, "8080")

    assert [audit["rules"]["action"], deny["rules"]["action"]] == ["LOG", "DENY"]
    assert "action" not in allow["rules"]  # ALLOW is the default
    assert sorted(allow["rules"]["policies"]) == [
        f"ns[istio-system]-policy[{name}]-rule[{index}]" for name in "ad" for index in (0, 1)
    ]


def test_a_filter_of_connections_has_a_prefix_for_its_statistics() -> None:
    (allow,) = configs(policy("a", "ALLOW", "[{}]"), "9000")

    assert allow["@type"].endswith("envoy.extensions.filters.network.rbac.v3.RBAC")
    assert allow["stat_prefix"] == "tcp."


def test_a_policy_without_rules_is_there_and_never_matches() -> None:
    (allow,) = configs(policy("a", "ALLOW", "[]"), "8080")

    assert allow["rules"] == {
        "policies": {
            "ns[istio-system]-policy[a]-rule[0]": {
                "permissions": [{"not_rule": {"any": True}}],
                "principals": [{"not_id": {"any": True}}],
            }
        }
    }


@pytest.mark.parametrize("port", ["8080", "9000"])
def test_a_dry_run_shares_the_filter_and_decides_nothing(port: str) -> None:
    dry = "{istio.io/dry-run: 'true'}"
    text = policy("a", "ALLOW", "[{}]", dry) + policy("b", "DENY", "[{}]", dry)

    deny, allow = configs(text + policy("c", "DENY", "[{}]"), port)

    assert "rules" not in allow
    assert allow["shadow_rules_stat_prefix"] == "istio_dry_run_allow_"
    assert list(allow["shadow_rules"]["policies"]) == ["ns[istio-system]-policy[a]-rule[0]"]
    assert list(deny["rules"]["policies"]) == ["ns[istio-system]-policy[c]-rule[0]"]
    assert list(deny["shadow_rules"]["policies"]) == ["ns[istio-system]-policy[b]-rule[0]"]
    assert deny["shadow_rules_stat_prefix"] == "istio_dry_run_deny_"


def test_a_policy_that_is_a_dry_run_no_longer_decides() -> None:
    (allow,) = configs(policy("a", "ALLOW", "[{}]", "{istio.io/dry-run: 'false'}"), "8080")

    assert "shadow_rules" not in allow
    assert "rules" in allow


JWT = "envoy.filters.http.jwt_authn"
MESSAGES = [
    (
        {"from": [{"source": {"principals": ["*"]}}]},
        "principals",
        {"authenticated": {"principal_name": {"safe_regex": {"regex": ".+"}}}},
    ),
    (
        {"from": [{"source": {"ipBlocks": ["10.0.0.0/8"]}}]},
        "principals",
        {"direct_remote_ip": {"address_prefix": "10.0.0.0", "prefix_len": 8}},
    ),
    (
        {"from": [{"source": {"remoteIpBlocks": ["fd00::1"]}}]},
        "principals",
        {"remote_ip": {"address_prefix": "fd00::1", "prefix_len": 128}},
    ),
    (
        {"from": [{"source": {"requestPrincipals": ["a/*"]}}]},
        "principals",
        {
            "and_ids": {
                "ids": [
                    {
                        "metadata": {
                            "filter": JWT,
                            "path": [{"key": "payload"}, {"key": "iss"}],
                            "value": {"string_match": {"exact": "a"}},
                        }
                    },
                    {
                        "metadata": {
                            "filter": JWT,
                            "path": [{"key": "payload"}, {"key": "sub"}],
                            "value": {"string_match": {"safe_regex": {"regex": ".+"}}},
                        }
                    },
                ]
            }
        },
    ),
    (
        {"when": [{"key": "request.auth.claims[a][b]", "values": ["c", "d*"]}]},
        "principals",
        {
            "metadata": {
                "filter": JWT,
                "path": [{"key": "payload"}, {"key": "a"}, {"key": "b"}],
                "value": {
                    "or_match": {
                        "value_matchers": [
                            {
                                "list_match": {
                                    "one_of": {
                                        "or_match": {
                                            "value_matchers": [
                                                {"string_match": {"exact": "c"}},
                                                {"string_match": {"prefix": "d"}},
                                            ]
                                        }
                                    }
                                }
                            },
                            {
                                "or_match": {
                                    "value_matchers": [
                                        {"string_match": {"exact": "c"}},
                                        {"string_match": {"prefix": "d"}},
                                    ]
                                }
                            },
                        ]
                    }
                },
            }
        },
    ),
    (
        {"when": [{"key": "request.headers[X-A]", "values": ["*"]}]},
        "principals",
        {"header": {"name": "X-A", "present_match": True}},
    ),
    (
        {"to": [{"operation": {"hosts": ["*.Example"]}}]},
        "permissions",
        {
            "header": {
                "name": ":authority",
                "string_match": {"suffix": ".Example", "ignore_case": True},
            }
        },
    ),
    (
        {"to": [{"operation": {"methods": ["GET"]}}]},
        "permissions",
        {"header": {"name": ":method", "string_match": {"exact": "GET"}}},
    ),
    (
        {"to": [{"operation": {"paths": ["/a*"]}}]},
        "permissions",
        {"url_path": {"path": {"prefix": "/a"}}},
    ),
    (
        {"to": [{"operation": {"paths": ["/{*}"]}}]},
        "permissions",
        {
            "uri_template": {
                "name": "uri-template",
                "typed_config": {
                    "@type": "type.googleapis.com/"
                    "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
                    "path_template": "/*",
                },
            }
        },
    ),
    ({"to": [{"operation": {"ports": ["80"]}}]}, "permissions", {"destination_port": 80}),
    (
        {"when": [{"key": "destination.ip", "values": ["::1"]}]},
        "permissions",
        {"destination_ip": {"address_prefix": "::1", "prefix_len": 128}},
    ),
    (
        {"when": [{"key": "connection.sni", "values": ["a"]}]},
        "permissions",
        {"requested_server_name": {"exact": "a"}},
    ),
    (
        {"when": [{"key": "experimental.envoy.filters.http.a[b]", "values": ["[c]"]}]},
        "permissions",
        {
            "metadata": {
                "filter": "envoy.filters.http.a",
                "path": [{"key": "b"}],
                "value": {"list_match": {"one_of": {"string_match": {"exact": "c"}}}},
            }
        },
    ),
]


@pytest.mark.parametrize(("rule", "side", "condition"), MESSAGES)
def test_a_condition(rule: dict[str, Any], side: str, condition: dict[str, Any]) -> None:
    message = role_based_access(rules_of({"rules": [rule]}), Verdict.ALLOW)

    (found,) = MessageToDict(message, preserving_proto_field_name=True)["policies"].values()
    each, every = ("ids", "and_ids") if side == "principals" else ("rules", "and_rules")
    one = "or_ids" if side == "principals" else "or_rules"
    assert found[side] == [{every: {each: [{one: {each: [condition]}}]}}]
