"""Which CEL of a Telemetry stock Envoy evaluates for a label, and how it is written for it.

Every row was given to ``envoy --mode validate`` 1.40.
"""

import pytest

from controlplane.base.cel_tokens import CelFault
from controlplane.translate.istio.label_expressions import label_format

FORMATS = [
    pytest.param("request.host", "%CEL(request.host)%", id="an attribute"),
    pytest.param("string(destination.port)", "%CEL(destination.port)%", id="conversion to text"),
    pytest.param("string( request.size )", "%CEL( request.size )%", id="conversion with blanks"),
    pytest.param("'blue'", "blue", id="a constant"),
    pytest.param('string("50%")', "50%%", id="a constant that is converted, with a sign"),
    pytest.param("''", "unknown", id="the empty text"),
    pytest.param("node.metadata['X']", "%CEL(xds.node.metadata['X'])%", id="Istio's node"),
    pytest.param("xds.node.id", "%CEL(xds.node.id)%", id="Envoy's node"),
    pytest.param("request.headers['node']", "%CEL(request.headers['node'])%", id="another node"),
    pytest.param(
        "has(request.headers.a) ? request.headers['a'] : 'none'",
        "%CEL(has(request.headers.a) ? request.headers['a'] : 'none')%",
        id="a condition",
    ),
    pytest.param(
        "request.path.startsWith('/a') && size(request.path) > 5 % 3",
        "%CEL(request.path.startsWith('/a') && size(request.path) > 5 % 3)%",
        id="functions",
    ),
    pytest.param(
        "request.path.matches('^/a(b)?$')", "%CEL(request.path.matches('^/a(b)?$'))%", id="a regex"
    ),
    pytest.param(
        "request.time.getHours('UTC')", "%CEL(request.time.getHours('UTC'))%", id="a time"
    ),
]
FAULTS = [
    pytest.param("'a' + string(1)", "Envoy has no function string()", id="string() inside"),
    pytest.param("request.path.lowerAscii()", "Envoy has no function lowerAscii()", id="method"),
    pytest.param(
        "[1].map(x, x)", "does not go through lists and maps, as map() does", id="a macro"
    ),
    pytest.param("size(1, 2)", "Envoy has no function size()", id="arguments"),
    pytest.param("upstream_peer.app", 'Envoy does not know "upstream_peer"', id="a peer of Istio"),
    pytest.param("istio_operationId", 'Envoy does not know "istio_operationId"', id="a classifier"),
    pytest.param("Foo{a: 1}", "messages such as Foo", id="a message"),
    pytest.param("request.path == ')%'", 'no line breaks and no ")%"', id="the end of an operator"),
    pytest.param("request.path ==\n'a'", 'no line breaks and no ")%"', id="a line break"),
    pytest.param("(1):5%2", "expected", id="no expression"),
    pytest.param("request.path.matches('[')", "is not a regular expression", id="a broken regex"),
]


@pytest.mark.parametrize(("expression", "wanted"), FORMATS)
def test_what_envoy_evaluates_becomes_a_format(expression: str, wanted: str) -> None:
    assert label_format(expression) == wanted


@pytest.mark.parametrize(("expression", "message"), FAULTS)
def test_what_envoy_would_refuse_or_leave_empty_is_a_fault(expression: str, message: str) -> None:
    with pytest.raises(CelFault) as fault:
        label_format(expression)

    assert message in str(fault.value)
