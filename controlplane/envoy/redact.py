"""Envoy's messages as JSON, without the secrets that they hold.

What is secret is said by the descriptors: Envoy marks such fields with
``udpa.annotations.sensitive`` and hides them in its own ``config_dump``. Some fields lack the mark;
they are listed here. Maps, ``Any`` and ``TypedStruct`` are opened, because the configuration of an
extension may hold a secret as well. What cannot be opened, since its type is unknown, is not shown.

A path to a file and the name of a secret are no secrets. Nor is what a user writes to be compared
with a request.
Source: Envoy ``source/common/protobuf/utility.cc``, ``redact``.
"""

import base64
import re
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from typing import Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from udpa.annotations.sensitive_pb2 import sensitive

from controlplane.protobuf.descriptors import message_type

HIDDEN: Final = "[not shown]"

_GRPC: Final = "envoy.config.core.v3.GrpcService"
_CREDENTIALS: Final = "envoy.extensions.grpc_service.call_credentials"
UNMARKED: Final = frozenset(
    {
        f"{_GRPC}.GoogleGrpc.CallCredentials.access_token",
        f"{_GRPC}.GoogleGrpc.CallCredentials.google_refresh_token",
        f"{_GRPC}.GoogleGrpc.CallCredentials.GoogleIAMCredentials.authorization_token",
        f"{_GRPC}.GoogleGrpc.CallCredentials.ServiceAccountJWTAccessCredentials.json_key",
        "envoy.config.trace.v3.LightstepConfig.access_token",
        "envoy.extensions.filters.http.api_key_auth.v3.Credential.key",
        "envoy.extensions.filters.http.aws_lambda.v3.Credentials.secret_access_key",
        "envoy.extensions.filters.http.aws_lambda.v3.Credentials.session_token",
        "envoy.extensions.filters.http.jwt_authn.v3.JwtProvider.local_jwks",  # may be symmetric
        f"{_CREDENTIALS}.access_token.v3.AccessTokenCredentials.token",
        f"{_CREDENTIALS}.google_iam.v3.GoogleIamCredentials.authorization_token",
        f"{_CREDENTIALS}.google_refresh_token.v3.GoogleRefreshTokenCredentials.token",
        f"{_CREDENTIALS}.service_account_jwt_access.v3.ServiceAccountJwtAccessCredentials.json_key",
        "envoy.extensions.wasm.v3.EnvironmentVariables.key_values",  # Istio's pull secrets
    }
)
"""Fields that hold secrets and that Envoy does not mark."""

CREDENTIAL_HEADERS: Final = frozenset(
    {
        f"{_GRPC}.initial_metadata",
        "envoy.config.core.v3.HealthCheck.GrpcHealthCheck.initial_metadata",
        "envoy.config.core.v3.HttpService.request_headers_to_add",
        "envoy.extensions.filters.http.ext_proc.v3.ExtProcOverrides.grpc_initial_metadata",
    }
)
"""Headers that Envoy adds to requests of its own: mostly tokens, whatever their names are."""

_HEADER: Final = "envoy.config.core.v3.HeaderValue"
_DATA_SOURCE: Final = "envoy.config.core.v3.DataSource"
_SHOWN_BYTES: Final = 256  # characters of base64
_ANY: Final = "google.protobuf.Any"
_TYPED_STRUCTS: Final = frozenset({"xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct"})
_PLAIN_JSON: Final = "google.protobuf."  # Struct, wrappers, times: their JSON has no field names
_CREDENTIAL_NAME: Final = re.compile(
    r"auth|cookie|token|secret|password|credential|api-?key", re.IGNORECASE
)

Json = dict[str, object]


def shown_json(message: Message) -> Json:
    """``message`` as protobuf's JSON, fields named as in the proto files, without secrets."""
    document: Json = MessageToDict(message, preserving_proto_field_name=True)
    kind = message_type(message.DESCRIPTOR.full_name)
    assert kind is not None, "a message that exists has a type"
    return redacted(document, kind)


def redacted(document: Mapping[str, object], kind: Descriptor) -> Json:
    """``document``, the JSON of a message of type ``kind``, without secrets."""
    name = kind.full_name
    if name == _ANY:
        return _packed(document)
    if name in _TYPED_STRUCTS:
        return _typed_struct(document)
    if name == _HEADER and _CREDENTIAL_NAME.search(str(document.get("key", ""))):
        return _without_values(document)
    if name == _DATA_SOURCE and len(str(document.get("inline_bytes", ""))) > _SHOWN_BYTES:
        return {"inline_string": _size(str(document["inline_bytes"]))}
    fields = _fields(kind)
    return {key: _shown(value, fields.get(key)) for key, value in document.items()}


def _size(encoded: str) -> str:
    """What is said of bytes that nobody reads, such as a module's."""
    content = base64.b64decode(encoded)
    return f"[{len(content)} bytes, SHA-256 {sha256(content).hexdigest()}]"


def _shown(value: object, field: FieldDescriptor | None) -> object:
    if field is None:
        return HIDDEN  # nothing is known of it
    if is_sensitive(field):
        return _hidden(value, field)
    if field.full_name in CREDENTIAL_HEADERS:
        return _each(value, _without_values)
    inner = _value_of(field).message_type
    if inner is None or not _may_hold_secrets(inner):
        return value
    if _is_map(field) and isinstance(value, Mapping):
        return {key: _each(one, lambda v: redacted(v, inner)) for key, one in value.items()}
    return _each(value, lambda v: redacted(v, inner))


@cache
def is_sensitive(field: FieldDescriptor) -> bool:
    """Whether the field as a whole holds secrets."""
    marked: bool = field.GetOptions().Extensions[sensitive]  # type: ignore[index] # as protoc types it
    return marked or field.full_name in UNMARKED


def _packed(document: Mapping[str, object]) -> Json:
    """An ``Any``; of a type that is not known, only its name."""
    type_url = str(document.get("@type", ""))
    kind = message_type(type_url.rpartition("/")[2])
    if kind is None:
        return {"@type": type_url, "value": HIDDEN}
    if kind.full_name.startswith(_PLAIN_JSON) and kind.full_name != _ANY:
        return dict(document)
    content = {key: value for key, value in document.items() if key != "@type"}
    return {"@type": type_url, **redacted(content, kind)}


def _typed_struct(document: Mapping[str, object]) -> Json:
    """The configuration of an extension as a ``Struct``, which names its type."""
    type_url, content = str(document.get("type_url", "")), document.get("value")
    kind = message_type(type_url.rpartition("/")[2])
    if kind is None or not isinstance(content, Mapping):
        return {"type_url": type_url, "value": {"hidden": HIDDEN}} if content else {**document}
    return {"type_url": type_url, "value": redacted(content, kind)}


def _hidden(value: object, field: FieldDescriptor) -> object:
    """``value`` of a sensitive field: its shape, without what is secret."""
    if _is_map(field) and isinstance(value, Mapping):
        return {key: _hidden(one, _value_of(field)) for key, one in value.items()}
    if isinstance(value, list):
        return [_hidden(one, field) for one in value]
    kind = field.message_type
    if kind is None or not isinstance(value, Mapping):
        return HIDDEN
    if kind.full_name == _ANY:
        return {key: one for key, one in value.items() if key == "@type"}
    if kind.full_name == _DATA_SOURCE:
        return _data_source(value)
    fields = _fields(kind)  # a Struct has none of the names in it
    return {key: _hidden(one, fields[key]) for key, one in value.items() if key in fields}


def _data_source(value: Mapping[str, object]) -> Json:
    inline = [key for key in value if key.startswith("inline")]
    shown = {key: one for key, one in value.items() if key not in inline}
    return {**shown, "inline_string": HIDDEN} if inline else shown


def _without_values(document: Mapping[str, object]) -> Json:
    """A ``HeaderValue``, or a message around one, without its value."""
    return {
        key: HIDDEN
        if key in ("value", "raw_value")
        else _without_values(value)
        if isinstance(value, Mapping)
        else value
        for key, value in document.items()
    }


def _each(value: object, change: Callable[[Mapping[str, object]], Json]) -> object:
    """``change`` of a message, or of each in a list of them."""
    if isinstance(value, list):
        return [_each(one, change) for one in value]
    return change(value) if isinstance(value, Mapping) else value


@cache
def _fields(kind: Descriptor) -> Mapping[str, FieldDescriptor]:
    """The fields of ``kind`` by each name that JSON has for them."""
    return {name: field for field in kind.fields for name in (field.json_name, field.name)}


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _value_of(field: FieldDescriptor) -> FieldDescriptor:
    """Of a map, the field of its values."""
    entry = field.message_type
    return entry.fields_by_name["value"] if entry is not None and _is_map(field) else field


@cache
def _may_hold_secrets(kind: Descriptor) -> bool:
    """Whether a secret, or bytes that are not shown, may be anywhere below ``kind``; most messages
    need no further look.
    """
    reached = {kind.full_name: kind}
    pending = [kind]
    while pending:
        for field in pending.pop().fields:
            if is_sensitive(field) or field.full_name in CREDENTIAL_HEADERS:
                return True
            inner = field.message_type
            if inner is not None and inner.full_name not in reached:
                reached[inner.full_name] = inner
                pending.append(inner)
    return not reached.keys().isdisjoint((_ANY, _HEADER, _DATA_SOURCE, *_TYPED_STRUCTS))
