"""The table of fields that are not translated yet, and what is made of it."""

import pytest

from controlplane.base.names import Kind
from controlplane.kinds.istio.destination_rule import DESTINATION_RULE
from controlplane.kinds.istio.destination_rule import DestinationRule
from controlplane.kinds.registry import SERVED
from controlplane.kinds.support import UNSUPPORTED
from controlplane.kinds.support import Support
from controlplane.kinds.support import fields_of
from controlplane.kinds.support import markdown_table
from controlplane.kinds.support import support_of


@pytest.mark.parametrize("kind", UNSUPPORTED, ids=str)
def test_every_path_of_the_table_is_a_field(kind: Kind) -> None:
    fields = set(fields_of(SERVED[kind].spec))

    assert [path for path in UNSUPPORTED[kind] if path not in fields] == []


def test_a_field_is_supported_wholly_partly_or_not_yet() -> None:
    support = support_of(DESTINATION_RULE, DestinationRule)

    assert support["host"] is Support.YES
    assert support["trafficPolicy"] is Support.PARTLY
    assert support["trafficPolicy.loadBalancer.backendUtilization"] is Support.NOT_YET


def test_the_table_names_what_is_missing() -> None:
    lines = markdown_table({DESTINATION_RULE: DestinationRule}).splitlines()

    assert lines[0] == "| Kind | Supported | Not yet |"
    assert lines[2].startswith("| DestinationRule | `host`, `trafficPolicy`, `subsets`")
    assert "`trafficPolicy.loadBalancer.backendUtilization`" in lines[2]
