"""Values that admission takes and a proxy does not: the nearest one is used, and reported."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration as DurationMessage
from msgspec import convert, inspect

from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.duration import value_of
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY, MeshConfig
from controlplane.kinds.limits import RANGES, is_duration, limited
from controlplane.kinds.registry import SERVED
from controlplane.kinds.spec import Duration
from controlplane.kinds.support import structs_in
from controlplane.translate.istio.tracing import sampling_of
from tests.support.boundary_values import DURATIONS
from tests.unit.kinds.given import body_of, decoded_body, reported

LONGEST = 876_000 * 3_600 * 10**9  # nanoseconds


def pooled(**pool: Any) -> dict[str, Any]:
    return body_of("DestinationRule", {"host": "a", "trafficPolicy": {"connectionPool": pool}})


@pytest.mark.parametrize(
    ("pool", "place", "message"),
    [
        (
            {"tcp": {"idleTimeout": "-1ns"}},
            "spec.trafficPolicy.connectionPool.tcp.idleTimeout",
            "a proxy takes at least 0s, not -1ns; 0s is used",
        ),
        (
            {"tcp": {"tcpKeepalive": {"time": "2562047h"}}},
            "spec.trafficPolicy.connectionPool.tcp.tcpKeepalive.time",
            "a proxy takes at most 876000h, not 2562047h; 876000h is used",
        ),
        (
            {"http": {"http2KeepAlive": {"interval": "9223372036s", "timeout": "1s"}}},
            "spec.trafficPolicy.connectionPool.http.http2KeepAlive.interval",
            "a proxy takes at most 876000h, not 9223372036s; 876000h is used",
        ),
    ],
    ids=str,
)
def test_a_duration_that_no_proxy_takes_is_limited(
    pool: dict[str, Any], place: str, message: str
) -> None:
    object_, diagnostics = decoded_body(pooled(**pool))

    assert object_ is not None
    assert reported(diagnostics) == [f"CP0217 {place}"]
    assert [d.message for d in diagnostics] == [message]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (150, "a proxy takes at most 100, not 150; 1 is used"),
        (-5, "a proxy takes at least 0, not -5; 1 is used"),
    ],
)
def test_of_a_percentage_that_there_is_not_istios_own_is_traced(written: int, message: str) -> None:
    report = Report()
    mesh = convert({"defaultConfig": {"tracing": {"sampling": written}}}, MeshConfig)

    within = limited(report, FieldRef(MESH_CONFIG_KEY), mesh)

    assert sampling_of(within.default_config.tracing) == 1
    assert [each.message for each in report] == [message]


def test_an_hour_less_than_the_longest_is_left_as_it_is() -> None:
    _, diagnostics = decoded_body(pooled(tcp={"idleTimeout": "875999h"}))

    assert diagnostics == []


def test_a_hash_table_of_one_entry_has_two_because_envoy_dies_of_one() -> None:
    hashing = {"useSourceIp": True, "maglev": {"tableSize": 1}}
    policy = {"loadBalancer": {"consistentHash": hashing}}
    object_, diagnostics = decoded_body(
        body_of("DestinationRule", {"host": "a", "trafficPolicy": policy})
    )

    assert object_ is not None
    maglev = object_.spec.traffic_policy.load_balancer.consistent_hash.maglev
    assert maglev.table_size == 2
    place = "spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize"
    assert reported(diagnostics) == [f"CP0217 {place}"]


def durations() -> list[tuple[type, str, str]]:
    """Every field of every kind, and of MeshConfig, that is a duration: struct and both names."""
    seen: set[type] = set()
    found: list[tuple[type, str, str]] = []

    def walk(info: inspect.Type) -> None:
        for struct in structs_in(info):
            if struct.cls not in seen:
                seen.add(struct.cls)
                for field in struct.fields:
                    walk(field.type)
                    if is_duration(field.type):
                        found.append((struct.cls, field.name, field.encode_name))

    for spec in (*(served.spec for served in SERVED.values()), MeshConfig):
        walk(inspect.type_info(spec))
    return found


@pytest.mark.parametrize(
    ("struct", "name", "written"), durations(), ids=lambda part: getattr(part, "__name__", part)
)
def test_every_duration_of_every_kind_fits_into_a_proxy(
    struct: type, name: str, written: str
) -> None:
    for text in DURATIONS:
        try:
            spec = convert({written: text}, struct, dec_hook=value_of)
        except ValueError:
            continue  # longer than Go's
        length = getattr(limited(Report(), FieldRef(MESH_CONFIG_KEY), spec), name)

        assert isinstance(length, Duration)
        assert length.nanoseconds <= LONGEST
        assert length.nanoseconds >= 0 or (struct, name) in RANGES
        message = DurationMessage()
        message.FromTimedelta(length.length)  # raises beyond protobuf's range
