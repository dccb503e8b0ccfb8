"""The secrets that a message asks the control plane for, wherever in it they are named.

Source: envoy/extensions/transport_sockets/tls/v3/tls.proto, secret.proto
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from envoy.config.core.v3.config_source_pb2 import ConfigSource
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import SdsSecretConfig
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value

from controlplane.envoy.patches.merging import unpacked
from controlplane.model.tls import SecretName
from controlplane.model.tls_upstream import SecretUse
from controlplane.protobuf.json_mapping import TYPED_STRUCTS

_USES: Final = {
    "tls_certificate_sds_secret_configs": SecretUse.CERTIFICATE,
    "validation_context_sds_secret_config": SecretUse.TRUST,
}
"""By the field that names a secret; other fields want what no Secret holds here, such as a
password.
"""
_SOURCES: Final = ("sds_config", "sdsConfig")
_CAPITAL: Final = re.compile("[A-Z]")
NamedSecret = tuple[SecretName, SecretUse | None]


def secrets_in(message: Message) -> Iterator[NamedSecret]:
    """Each secret that is named, with what it is wanted for, ``None`` where that is neither a
    certificate nor authorities. Those that come from elsewhere (a file, another server) are not
    among them.
    """
    for field, value in message.ListFields():
        for each in _messages(field, value):
            if isinstance(each, SdsSecretConfig):
                if each.name and _is_from_here(each.sds_config):
                    yield SecretName(each.name), _USES.get(field.name, None)
            elif isinstance(each, Packed):
                within = unpacked(each)
                if within is not None:
                    yield from secrets_in(within)
            elif isinstance(each, Struct) and message.DESCRIPTOR.full_name in TYPED_STRUCTS:
                yield from _secrets_in_struct(each)
            else:
                yield from secrets_in(each)


def _secrets_in_struct(struct: Struct, field: str = "") -> Iterator[NamedSecret]:
    """Those of a TypedStruct, whose message may be of a type that is not known here. Its fields are
    named as in the proto files or in camel case, both of which Envoy reads. ``field`` holds
    ``struct``.
    """
    fields = struct.fields
    source = next((fields[name] for name in _SOURCES if name in fields), Value()).struct_value
    name = fields["name"].string_value if "name" in fields else ""
    if name and "ads" in source.fields:
        yield SecretName(name), _USES.get(_snake_case(field), None)
    for within, value in fields.items():
        values = value.list_value.values if value.HasField("list_value") else (value,)
        for each in values:
            yield from _secrets_in_struct(each.struct_value, within)


def _snake_case(name: str) -> str:
    return _CAPITAL.sub(lambda capital: f"_{capital[0].lower()}", name)


def _messages(field: FieldDescriptor, value: Any) -> Iterator[Message]:
    """Any: what a field holds is known from its descriptor only."""
    type_ = field.message_type
    if type_ is None:
        return
    if type_.GetOptions().map_entry:
        if type_.fields_by_name["value"].message_type is not None:
            yield from (value[key] for key in value)
    elif field.is_repeated:
        yield from value
    else:
        yield value


def _is_from_here(source: ConfigSource) -> bool:
    return source.HasField("ads")
