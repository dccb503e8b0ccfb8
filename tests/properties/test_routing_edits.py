"""However a table came about, by whatever edits: it is the one that a fresh start makes."""

from hypothesis import given, settings, strategies as st

from tests.support.declared import Declared
from tests.support.properties import examples
from tests.support.routes import SERVICES, table

HOSTS = ("a.example.com", "b.example.com", "*.example.com", "*", "A.example.com")
SERVED = ('["*"]', '["*.example.com"]', '["a.example.com", "*"]', '["team/*", "b.example.com"]')
RULES = (
    "[{route: [{destination: {host: shop}}]}]",
    "[{match: [{uri: {prefix: /a}}], route: [{destination: {host: reviews}}]}]",
    "[{match: [{port: 80}], route: [{destination: {host: shop}}]}]",
    "[{match: [{uri: {prefix: /d}}], delegate: {name: d, namespace: team}}]",
)


def gateway(served: str, redirects: bool) -> str:
    return f"""
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: gw, namespace: istio-system}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: 8080, name: http, protocol: HTTP}}
    hosts: {served}
    tls: {{httpsRedirect: {str(redirects).lower()}}}
---
"""


def virtual_service(name: str, namespace: str, host: str, rules: str, export_to: str) -> str:
    where = f'hosts: ["{host}"]\n  gateways: [istio-system/gw]' if name != "d" else ""
    return f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  {where}
  exportTo: ["{export_to}"]
  http: {rules if name != "d" else RULES[0]}
---
"""


gateways = st.builds(gateway, st.sampled_from(SERVED), st.booleans())
virtual_services = st.builds(
    virtual_service,
    st.sampled_from("abcd"),
    st.sampled_from(("default", "team")),
    st.sampled_from(HOSTS),
    st.sampled_from(RULES),
    st.sampled_from(("*", ".", "istio-system")),
)
edits = st.lists(
    st.tuples(st.booleans(), st.one_of(virtual_services, gateways)), min_size=1, max_size=12
)


def identity(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith("metadata"))


@given(edits)
@settings(max_examples=examples(20, in_gate=10))
def test_edits_give_the_table_of_a_fresh_start(steps: list[tuple[bool, str]]) -> None:
    first = gateway('["*"]', redirects=False)
    edited = Declared(first + SERVICES)
    present = {identity(first): first}
    for removes, text in steps:
        if removes and "kind: VirtualService" in text:
            edited.remove(text)
            present.pop(identity(text), None)
        else:
            edited.edit(text)
            present[identity(text)] = text
        tables = table(edited)

        fresh = table(Declared(SERVICES + "".join(present.values())))
        assert tables.SerializeToString(deterministic=True) == fresh.SerializeToString(
            deterministic=True
        )


@given(edits)
@settings(max_examples=examples(20))
def test_no_domain_occurs_twice_in_a_table(steps: list[tuple[bool, str]]) -> None:
    declared = Declared(gateway('["*"]', redirects=False) + SERVICES)
    for _, text in steps:
        declared.edit(text)

    domains = [d for host in table(declared).virtual_hosts for d in host.domains]
    assert sorted(set(domains)) == sorted(domains)
    assert all(domain == domain.lower() for domain in domains)
