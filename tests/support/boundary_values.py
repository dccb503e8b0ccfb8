"""Values at the edges of what fields take, by the type that a kind's declaration gives them.

Nothing here knows a field by name, so a field that is new is tried as soon as it is declared.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final

from hypothesis import strategies as st
from msgspec import inspect

from controlplane.kinds.spec import Duration

Place = tuple[str | int, ...]

DURATIONS: Final = (
    *("0s", "-0s", "1ns", "-1ns", "999ns", "1us", "999us", "999999ns", "-999999ns", "1ms"),
    *("1000001ns", "0.5s", "1s", "-1s", "1.5s", "3600s", "87600h", "876000h", "876001h"),
    *("2562047h", "2562047h47m16.854775807s", "-2562047h47m16.854775807s", "315576000000s"),
    "9223372036s",
)
"""Go takes 64 bits of nanoseconds; protobuf has ±315,576,000,000 s."""
INTEGERS: Final = (
    *(0, 1, -1, 2, 99, 100, 101, 200, 301, 599, 600, 1023, 65_535, 65_536, 5_000_011, 8_388_609),
    *(2**31 - 1, 2**31, -(2**31), 2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1, 2**64),
)
NUMBERS: Final = (
    *(0.0, -0.0, 1e-9, 0.00005, 0.0001, 0.5, 1.0, -1.0, 5.0, 33.3333, 99.9999, 100.0),
    *(100.0001, 1e9, 1e308, 5e-324, -1e308, 1, 100, 2**53),
)
TEXTS: Final = (
    *("", " ", "a", "A", "é", "日本", "\x00", "\x01", "\x1f", "\x7f", "\n", "a\r\nb", "\t"),
    *("%", "%%", "%REQ(", "%REQ(X)%", "%DURATION%", "%PROTOCOL", "a" * 300, "a" * 3_000),
    *("*", "*.example.com", "**", "~", ".", "./*", "/", "//", "?", "#", "/a/../b", "/a b", "a/b"),
    *("(", "[", ".*", "a{1000}", "a{1001}", "(a|b)+", r"\d", r"\1", r"\1\2", "(?i)a", "^$", "\\"),
    *("example.com", "Example.COM", "example.com.", "shop.example.com", "a:80", "a.b", "-a", "a_b"),
    *("10.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "::1", "fe80::1%eth0", "[::1]", "256.1.1.1"),
    *("unix:///tmp/a", "unix://@a", "@a", "configmap://a", "kubernetes://a", "http://a/b", "file"),
    *("host", ":authority", "content-length", "x-a", "X A", "transfer-encoding", "connection"),
    *(
        "5xx",
        "503",
        "999",
        "gateway-error,connect-failure",
        "retriable-status-codes,503",
        ",",
        "a,b",
    ),
    *("HTTP", "HTTPS", "HTTP2", "GRPC", "TCP", "TLS", "UDP", "MONGO", "http", "kubernetes.io/h2c"),
    *("GET", "POST", "CONNECT", "https", "true", "0", "-1", "1s", "v1", "v2", "web", "http-web"),
    *("UNAVAILABLE", "IPv4", "IPv6", "FQDN", "EDGE", "YQ==", "YQ", "-----BEGIN CERTIFICATE-----"),
    *(
        "region",
        "region/zone",
        "region/zone/sub",
        "region/*",
        "*/zone",
        "app",
        "app=web",
        "TLSV1_2",
    ),
    *("server", "ca", "client", "shop", "ECDHE-RSA-AES128-GCM-SHA256", "P-256", "X25519"),
    "spiffe://cluster.local/ns/a/sa/b",
)
BOOLEANS: Final = (True, False)


def scalars(wanted: inspect.Type) -> tuple[object, ...]:
    """The edges of a type that holds no other; none where it does."""
    match wanted:
        case inspect.CustomType(cls=cls) if cls is Duration:
            return DURATIONS
        case inspect.IntType():
            return INTEGERS
        case inspect.FloatType():
            return NUMBERS
        case inspect.StrType():
            return TEXTS
        case inspect.BoolType():
            return BOOLEANS
        case inspect.EnumType(cls=cls):
            return tuple(_spelled(member) for member in cls)
        case inspect.UnionType(types=types):
            return tuple(value for each in types for value in scalars(each))
    return ()


def values(wanted: inspect.Type, depth: int = 3) -> st.SearchStrategy[Any]:
    """Anything of a type: an edge, or a few of the fields, items or entries that it may have."""
    edges = scalars(wanted)
    if edges:
        return st.sampled_from(edges)
    match wanted:
        case inspect.StructType(fields=fields):
            if not depth or not fields:
                return st.just({})
            inner = {f.encode_name: values(f.type, depth - 1) for f in fields}
            names = st.lists(st.sampled_from(sorted(inner)), max_size=3, unique=True)
            return names.flatmap(lambda some: st.fixed_dictionaries({n: inner[n] for n in some}))
        case inspect.VarTupleType(item_type=item):
            return st.lists(values(item, depth - 1), max_size=3)
        case inspect.DictType(value_type=item):
            return st.dictionaries(st.sampled_from(TEXTS), values(item, depth - 1), max_size=3)
        case inspect.UnionType(types=types):
            some = [t for t in types if not isinstance(t, inspect.NoneType)]
            return st.one_of([values(each, depth) for each in some])
    return st.sampled_from((*TEXTS, *INTEGERS, {}, []))  # a field of any type


def places(
    wanted: inspect.Type, value: object, at: Place = ()
) -> Iterator[tuple[Place, inspect.Type]]:
    """Every place within ``value`` where something may stand, set or not, and of which type."""
    match wanted:
        case inspect.UnionType(types=types):
            for each in types:
                if not isinstance(each, inspect.NoneType):
                    yield from places(each, value, at)
        case inspect.StructType(fields=fields) if isinstance(value, Mapping):
            for field in fields:
                place = (*at, field.encode_name)
                yield place, field.type
                if field.encode_name in value:
                    yield from places(field.type, value[field.encode_name], place)
        case inspect.VarTupleType(item_type=item) if isinstance(value, list):
            for i, one in enumerate(value):
                yield (*at, i), item
                yield from places(item, one, (*at, i))
        case inspect.DictType(value_type=item) if isinstance(value, Mapping):
            for key, one in value.items():
                yield (*at, key), item
                yield from places(item, one, (*at, key))


def instances(wanted: inspect.Type, value: object) -> Iterator[type]:
    """The struct of everything within ``value`` that is one."""
    match wanted:
        case inspect.UnionType(types=types):
            for each in types:
                yield from instances(each, value)
        case inspect.StructType(cls=cls, fields=fields) if isinstance(value, Mapping):
            yield cls
            for field in fields:
                if field.encode_name in value:
                    yield from instances(field.type, value[field.encode_name])
        case inspect.VarTupleType(item_type=item) if isinstance(value, list):
            for one in value:
                yield from instances(item, one)
        case inspect.DictType(value_type=item) if isinstance(value, Mapping):
            for one in value.values():
                yield from instances(item, one)


def _spelled(member: Enum) -> object:
    return member.value
