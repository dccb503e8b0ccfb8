"""Fields indented too little or too much: where they belong, in one message."""

import pytest

from controlplane.base.diagnostics import Severity
from tests.unit.kinds.given import body_of, decoded, decoded_body

VIRTUAL_SERVICE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: a
spec:
  hosts: [a.example]
  http:
  - match:
    - uri:
        prefix: /a
    retries:
      attempts: 2
    route:
    - destination:
        host: a
        port:
          number: 80
      weight: 100
    timeout: 5s
"""


@pytest.mark.parametrize(
    ("before", "after", "message", "hint"),
    [
        (
            "        prefix: /a\n",
            "      prefix: /a\n",
            'spec.http[0].match[0] has no field "prefix"',
            'indent it: it belongs under "uri"',
        ),
        (
            "        host: a\n        port:\n          number: 80\n",
            "      host: a\n",
            'spec.http[0].route[0] has no field "host"',
            'indent it: it belongs under "destination"',
        ),
        (
            "          number: 80\n",
            "        number: 80\n",
            'spec.http[0].route[0].destination has no field "number"',
            'indent it: it belongs under "port"',
        ),
        (
            "      weight: 100\n",
            "    weight: 100\n",
            'spec.http[0] has no field "weight"',
            'indent it: it belongs to an item of "route"',
        ),
        (
            "      weight: 100\n",
            "        weight: 100\n",
            'spec.http[0].route[0].destination has no field "weight"',
            "indent it less: it belongs to spec.http[0].route[0]",
        ),
        (
            "    timeout: 5s\n",
            "      timeout: 5s\n",
            'spec.http[0].route[0] has no field "timeout"',
            "indent it less: it belongs to spec.http[0]",
        ),
        (
            "  name: a\n",
            "  name: a\nnamespace: b\n",
            'VirtualService has no field "namespace"',
            'indent it: it belongs under "metadata"',
        ),
        (
            "    timeout: 5s\n",
            "    timeout: 5s\ngateways: [b]\n",
            'VirtualService has no field "gateways"',
            'indent it: it belongs under "spec"',
        ),
        (
            "  name: a\n",
            "  name: a\n  labels:\n  app: web\n",
            'metadata has no field "app"',
            'indent it: it belongs under "labels"',
        ),
        (
            "    - uri:\n        prefix: /a\n",
            "    - prefix: /a\n",
            'spec.http[0].match[0] has no field "prefix"',
            "spec.http[0].match[0] has authority, gateways, headers, ignoreUriCase, method, name, "
            "port, queryParams, scheme, sourceLabels, sourceNamespace, statPrefix, uri, "
            "withoutHeaders",
        ),
        (
            "    - uri:\n        prefix: /a\n",
            "    - headers:\n        user:\n        exact: jason\n",
            'expected a mapping, found the text "jason"',
            'indent it: it belongs under "user"',
        ),
    ],
)
def test_a_field_out_of_place_is_reported_once_with_its_place(
    before: str, after: str, message: str, hint: str
) -> None:
    assert before in VIRTUAL_SERVICE

    _, found = decoded(VIRTUAL_SERVICE.replace(before, after))

    assert [(d.message, d.hint) for d in found] == [(message, hint)]


def test_a_field_of_an_entry_without_a_name_is_one_fault() -> None:
    tags = {"header": {"name": "x-user", "defaultValue": "nobody"}}
    _, found = decoded_body(body_of("Telemetry", {"tracing": [{"customTags": tags}]}))

    assert [(one.message, one.hint) for one in found if one.severity is Severity.ERROR] == [
        (
            'spec.tracing[0].customTags has entries with names, and "header" is in none',
            "put it below the name of an entry",
        )
    ]
