"""Of equal matches at a hostname, those that are not the first in the table are reported, and no
other.
"""

import json

from hypothesis import given, strategies as st

from tests.support.declared import Declared
from tests.support.http_routes import HTTP, SERVICES, TO_SHOP, request_route, routed
from tests.support.kubernetes_gateways import gateway

MATCHES = st.sampled_from(
    [
        "{path: {value: /a}}",
        "{path: {value: /a/}}",
        "{path: {value: /a, type: Exact}}",
        "{path: {value: /b}, method: GET}",
        "{path: {value: /b}, headers: [{name: x, value: v}, {name: z, value: z}]}",
        "{path: {value: /b}, headers: [{name: z, value: z}, {name: x, value: v}]}",
    ]
)
ROUTES = st.lists(
    st.tuples(
        st.lists(MATCHES, min_size=1, max_size=3), st.sampled_from(["", "2020-01-01T00:00:00Z"])
    ),
    min_size=1,
    max_size=4,
)


@given(ROUTES)
def test_what_is_reported_comes_second(routes: list[tuple[list[str], str]]) -> None:
    objects = [
        request_route(
            *(f"{{matches: [{match}], {TO_SHOP}}}" for match in matches),
            name=f"route-{i}",
            created=created,
        )
        for i, (matches, created) in enumerate(routes)
    ]
    declared = Declared(gateway(HTTP) + SERVICES + "".join(objects))

    first: dict[str, str] = {}
    second = set()
    for route in routed(declared):
        match = route["match"]
        match["headers"] = sorted(match.get("headers", ()), key=json.dumps)
        if first.setdefault(json.dumps(match, sort_keys=True), route["name"]) != route["name"]:
            second.add(route["name"])

    reported = {
        f"default.{each.place.object.name}.{each.place.path[2]}"
        for each in declared.diagnostics()
        if each.code.id in ("CP0216", "CP0736")
    }
    assert reported == second
