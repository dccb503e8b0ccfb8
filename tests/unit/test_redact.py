"""No secret within a message of Envoy's is shown, wherever in it the secret is.

The law is over every message type of xds-protos: of each field that holds secrets, no bit of the
value is in the JSON that is shown, and Envoy's own parser still reads that JSON.
"""

import base64
import importlib
import json
import pkgutil
import re
from collections.abc import Iterator
from typing import Final

import pytest
from envoy.config.cluster.v3.cluster_pb2 import Cluster
from envoy.config.core.v3.base_pb2 import DataSource, HeaderValue, HeaderValueOption
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from google.protobuf import message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Value
from udpa.annotations.sensitive_pb2 import sensitive
from xds.type.v3.typed_struct_pb2 import TypedStruct

from controlplane.envoy.redact import CREDENTIAL_HEADERS, HIDDEN, UNMARKED, is_sensitive, shown_json

MARK: Final = "bWFyaw=="  # also as bytes: it is what JSON makes of "mark"
PACKAGES: Final = ("envoy.config", "envoy.extensions", "envoy.type", "envoy.data", "xds", "udpa")
LOOKS_SECRET: Final = re.compile(
    r"password|secret|token|credential|private_key|jwks|cookie|json_key|session_key"
)
NO_SECRETS: Final = frozenset(
    {
        # where a secret is, or what it is called
        "access_token_file",
        "actor_token_path",
        "actor_token_type",
        "cookie",
        "cookie_domain",
        "credentials_factory_name",
        "credentials_profile",
        "from_cookies",
        "requested_token_type",
        "subject_token_path",
        "subject_token_type",
        "token_exchange_service_uri",
        # names of cookies
        "bearer_token",
        "id_token",
        "refresh_token",
        "oauth_hmac",
        # a log entry, not configuration
        "tls_session_id",
    }
)
"""Names of fields of text that look like a secret and hold none."""


def modules(package: str) -> Iterator[str]:
    for found in pkgutil.iter_modules(importlib.import_module(package).__path__):
        name = f"{package}.{found.name}"
        if found.ispkg:
            yield from modules(name)
        elif name.endswith("_pb2") and "v2" not in name.split("."):
            yield name


def nested(kind: Descriptor) -> Iterator[Descriptor]:
    yield kind
    for inner in kind.nested_types:
        yield from nested(inner)


def kinds() -> list[Descriptor]:
    """Every message type that a resource may hold, packed or not."""
    found: dict[str, Descriptor] = {}
    for package in PACKAGES:
        for name in modules(package):
            for kind in importlib.import_module(name).DESCRIPTOR.message_types_by_name.values():
                found.update((inner.full_name, inner) for inner in nested(kind))
    return [kind for _, kind in sorted(found.items()) if not kind.GetOptions().map_entry]


KINDS: Final = kinds()
SECRET_FIELDS: Final = [
    field
    for kind in KINDS
    for field in kind.fields
    if is_sensitive(field) or field.full_name in CREDENTIAL_HEADERS
]


def filled(kind: Descriptor, *, depth: int = 4) -> Message:
    """A message of ``kind`` whose every text holds the mark, down to ``depth``."""
    if kind.full_name == "google.protobuf.Any":
        return packed(HeaderValue(key="x", value=MARK))
    if kind.full_name == "envoy.config.core.v3.DataSource":
        return DataSource(inline_bytes=base64.b64decode(MARK))
    if kind.full_name == "envoy.config.core.v3.HeaderValue":
        return HeaderValue(key="x", value=MARK)
    if kind.full_name == "google.protobuf.Value":
        return Value(string_value=MARK)
    made = message_factory.GetMessageClass(kind)()
    for field in kind.fields:
        fill(made, field, depth=depth)
    return made


def fill(message: Message, field: FieldDescriptor, *, depth: int) -> None:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        value = kind.fields_by_name["value"].message_type
        entries = getattr(message, field.name)
        if value is None:
            entries["key"] = MARK
        elif depth:
            entries["key"].CopyFrom(filled(value, depth=depth - 1))
    elif kind is not None:
        if depth:
            put(message, field, filled(kind, depth=depth - 1))
    elif field.type == FieldDescriptor.TYPE_STRING:
        put(message, field, MARK)
    elif field.type == FieldDescriptor.TYPE_BYTES:
        put(message, field, base64.b64decode(MARK))


def put(message: Message, field: FieldDescriptor, value: object) -> None:
    if field.is_repeated:
        getattr(message, field.name).append(value)
    elif isinstance(value, Message):
        getattr(message, field.name).CopyFrom(value)
    else:
        setattr(message, field.name, value)


def with_secret(field: FieldDescriptor) -> Message:
    """A message with nothing but that field."""
    made = message_factory.GetMessageClass(field.containing_type)()
    fill(made, field, depth=4)
    return made


def packed(message: Message) -> AnyMessage:
    found = AnyMessage()
    found.Pack(message)
    return found


@pytest.mark.parametrize("field", SECRET_FIELDS, ids=lambda field: field.full_name)
def test_what_a_secret_field_holds_is_not_shown(field: FieldDescriptor) -> None:
    message = with_secret(field)
    assert MARK in json.dumps(MessageToDict(message, preserving_proto_field_name=True))

    shown = shown_json(message)

    assert MARK not in json.dumps(shown)
    ParseDict(shown, message_factory.GetMessageClass(field.containing_type)())


def test_the_law_is_about_what_envoy_marks_and_what_it_does_not() -> None:
    marked = [f for f in SECRET_FIELDS if f.GetOptions().Extensions[sensitive]]

    assert len(marked) >= 24
    assert {f.full_name for f in SECRET_FIELDS} >= UNMARKED | CREDENTIAL_HEADERS


def test_no_field_that_looks_like_a_secret_is_forgotten() -> None:
    text = {FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES}
    source = "envoy.config.core.v3.DataSource"
    forgotten = [
        field.full_name
        for kind in KINDS
        for field in kind.fields
        if field.type in text or (field.message_type and field.message_type.full_name == source)
        if LOOKS_SECRET.search(field.name) and field.name not in NO_SECRETS
        if not is_sensitive(field) and not kind.full_name.startswith("envoy.service.")
    ]

    assert forgotten == []


@pytest.mark.parametrize("field", SECRET_FIELDS, ids=lambda field: field.full_name)
def test_a_secret_is_found_in_what_is_packed(field: FieldDescriptor) -> None:
    secret = with_secret(field)
    cluster = Cluster(name="c")
    cluster.typed_extension_protocol_options["x"].CopyFrom(packed(secret))
    listener = Listener(name="l")
    chain = listener.filter_chains.add()
    chain.filters.add(name="f").typed_config.CopyFrom(packed(cluster))
    table = RouteConfiguration(name="r")
    route = table.virtual_hosts.add(name="v").routes.add()
    route.typed_per_filter_config["f"].CopyFrom(packed(packed(secret)))
    struct = TypedStruct(type_url=f"type.googleapis.com/{secret.DESCRIPTOR.full_name}")
    struct.value.update(MessageToDict(secret, preserving_proto_field_name=False))
    chain.filters.add(name="g").typed_config.CopyFrom(packed(struct))

    shown = [shown_json(message) for message in (cluster, listener, table)]

    assert MARK not in json.dumps(shown)


@pytest.mark.parametrize(
    ("header", "is_shown"),
    [
        ("x-version", True),
        ("server", True),
        ("authorization", False),
        ("Proxy-Authorization", False),
        ("set-cookie", False),
        ("x-api-key", False),
        ("X-Auth-Token", False),
    ],
)
def test_a_header_that_carries_credentials_is_shown_without_its_value(
    header: str, is_shown: bool
) -> None:
    table = RouteConfiguration(name="r")
    added = HeaderValueOption(header=HeaderValue(key=header, value=MARK))
    table.virtual_hosts.add(name="v").request_headers_to_add.append(added)

    (virtual_host,) = shown_json(table)["virtual_hosts"]  # type: ignore[attr-defined] # JSON

    value = MARK if is_shown else HIDDEN
    assert virtual_host["request_headers_to_add"] == [{"header": {"key": header, "value": value}}]


def test_a_struct_of_an_unknown_type_is_not_shown() -> None:
    struct = TypedStruct(type_url="type.googleapis.com/example.Filter")
    struct.value.update({"anything": MARK})

    assert shown_json(packed(struct)) == {
        "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
        "type_url": "type.googleapis.com/example.Filter",
        "value": {"hidden": HIDDEN},
    }


def test_what_is_no_secret_is_shown_as_it_is() -> None:
    secret = Secret(name="web")
    secret.tls_certificate.certificate_chain.inline_string = "chain"
    secret.tls_certificate.private_key.filename = "/certs/tls.key"
    secret.tls_certificate.password.inline_bytes = b"open sesame"

    assert shown_json(secret) == {
        "name": "web",
        "tls_certificate": {
            "certificate_chain": {"inline_string": "chain"},
            "private_key": {"filename": "/certs/tls.key"},
            "password": {"inline_string": HIDDEN},
        },
    }
