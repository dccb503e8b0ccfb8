"""References that lead nowhere because of a slip: the hint is the name that was meant."""

import pytest

from tests.support.declared import Declared

MESH = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop-gateway, namespace: default}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: [a.example]
    tls: {mode: SIMPLE, credentialName: SECRET}
---
apiVersion: v1
kind: Secret
metadata: {name: shop-cert, namespace: default}
data: {}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.1.5, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: partner, namespace: default}
spec:
  hosts: [api.partner.example]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: DNS
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec: {host: RULEHOST, subsets: [{name: stable}, {name: canary}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: default}
spec:
  hosts: [a.example]
  gateways: [GATEWAY]
  http: [{route: [{destination: DESTINATION}]}]
---
"""
SOUND = {
    "GATEWAY": "shop-gateway",
    "SECRET": "shop-cert",
    "RULEHOST": "web",
    "DESTINATION": "{host: web, subset: stable}",
}


@pytest.mark.parametrize(
    ("changes", "code", "hint"),
    [
        ({"DESTINATION": "{host: wbe}"}, "CP0301", "write web"),
        (
            {"DESTINATION": "{host: webb.default.svc.cluster.local}"},
            "CP0301",
            "write web.default.svc.cluster.local",
        ),
        ({"DESTINATION": "{host: api.partnr.example}"}, "CP0301", "write api.partner.example"),
        ({"DESTINATION": "{host: web, subset: cannary}"}, "CP0302", "write canary"),
        ({"DESTINATION": "{host: web, port: {number: 8080}}"}, "CP0303", "write 80"),
        ({"GATEWAY": "shop-gatway"}, "CP0304", 'write "default/shop-gateway"'),
        ({"GATEWAY": "default/shopgateway"}, "CP0304", 'write "default/shop-gateway"'),
        ({"SECRET": "shop-crt"}, "CP0401", "write shop-cert"),
        ({"RULEHOST": "wep"}, "CP0320", "write web"),
    ],
)
def test_a_slip_in_a_reference_is_met_by_the_name_that_was_meant(
    changes: dict[str, str], code: str, hint: str
) -> None:
    text = MESH
    for name, sound in SOUND.items():
        text = text.replace(name, changes.get(name, sound))

    found = {d.code.id: d.hint for d in Declared(text).diagnostics()}

    assert found[code] == hint
