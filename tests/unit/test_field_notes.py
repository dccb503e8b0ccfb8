"""What the documentation says of the fields of the Gateway API."""

import pytest
from msgspec import inspect

from controlplane.kinds.gateway_api.backend_traffic_policy import BudgetDetails, RetryConstraint
from controlplane.kinds.gateway_api.gateway import KubernetesGateway
from controlplane.kinds.gateway_api.http_filters import HttpCorsFilter, HttpRequestRedirectFilter
from controlplane.kinds.gateway_api.http_route import HttpBackendRef, HttpPathMatch, HttpRoute
from controlplane.kinds.gateway_api.listener import Listener
from controlplane.kinds.spec import Spec
from tests.support.field_notes import notes


@pytest.mark.parametrize(
    ("struct", "name", "expected"),
    [
        (KubernetesGateway, "listeners", "required; 1 to 64 items; each name once"),
        (Listener, "hostname", "a hostname; at most 253 characters"),
        (Listener, "port", "required; 1 to 65535"),
        (HttpRoute, "use_default_gateways", "one of All, None; experimental channel"),
        (HttpBackendRef, "name", "required; at most 253 characters"),
        (HttpBackendRef, "weight", "0 to 1000000; default 1"),
        (HttpBackendRef, "filters", "at most 16 items"),
        (
            HttpPathMatch,
            "type",
            "one of Exact, PathPrefix, RegularExpression; default PathPrefix",
        ),
        (
            HttpCorsFilter,
            "allow_origins",
            "at most 64 items; each an origin; each at most 253 characters; each once",
        ),
        (HttpCorsFilter, "allow_credentials", ""),
        (HttpCorsFilter, "max_age", "1 or more; default 5"),
        (HttpRequestRedirectFilter, "status_code", "default 302"),
        (BudgetDetails, "interval", "default 10s"),
        (RetryConstraint, "budget", ""),
    ],
)
def test_a_field_is_documented_with_its_limits(
    struct: type[Spec], name: str, expected: str
) -> None:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    (field,) = [field for field in info.fields if field.name == name]

    assert notes(struct, field) == expected
