"""The policies of the small mesh in ``every_kind``, each with two forms of a part of it."""

from collections.abc import Mapping
from typing import Final

POLICIES: Final[Mapping[str, tuple[str, str, str]]] = {
    "peers": (
        """
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: web, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  mtls: {mode: VALUE}
  portLevelMtls: {8080: {mode: PERMISSIVE}, 9090: {mode: STRICT}}
""",
        "STRICT",
        "DISABLE",
    ),
    "policy": (
        """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: istio-system}
spec:
  action: DENY
  rules:
  - from: [{source: {principals: [VALUE/ns/default/sa/web], ipBlocks: [10.9.0.0/16]}}]
    to: [{operation: {paths: ["/admin/{**}"]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: istio-system}
spec: {action: CUSTOM, provider: {name: ask}, rules: [{to: [{operation: {paths: [/VALUE]}}]}]}
""",
        "cluster.local",
        "old.domain",
    ),
    "missing": (
        """
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: missing, namespace: istio-system}
spec:
  configPatches:
  - applyTo: CLUSTER
    match: {cluster: {name: VALUE}}
    patch: {operation: MERGE, value: {connect_timeout: 7s}}
""",
        "absent",
        "missing",
    ),
    "tokens": (
        """
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: web, namespace: istio-system}
spec:
  jwtRules:
  - issuer: "https://id.example.com"
    audiences: [VALUE]
    jwks: |
      {"keys": [{"kty": "OKP", "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}
    outputClaimToHeaders: [{header: x-user, claim: sub}]
""",
        "shop",
        "store",
    ),
    "plugin": (
        """
apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: plugin, namespace: istio-system}
spec: {url: file:///opt/VALUE.wasm, failStrategy: FAIL_OPEN}
""",
        "first",
        "second",
    ),
    "script": (
        """
apiVersion: extensions.istio.io/v1alpha1
kind: TrafficExtension
metadata: {name: script, namespace: istio-system}
spec: {match: [{mode: SERVER, ports: [{number: VALUE}]}], lua: {inlineCode: -- nothing}}
""",
        "8080",
        "9090",
    ),
    "telemetry": (
        """
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: web, namespace: istio-system}
spec:
  accessLogging:
  - filter: {expression: 'VALUE && !has(request.headers.x)'}
""",
        "response.code >= 400",
        "response.code >= 500",
    ),
    "config": (
        """
apiVersion: networking.istio.io/v1beta1
kind: ProxyConfig
metadata: {name: web, namespace: default}
spec: {environmentVariables: {ISTIO_META_IDLE_TIMEOUT: VALUE}}
""",
        "7s",
        "8s",
    ),
}
