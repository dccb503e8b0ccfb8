"""Messages within messages: packed configuration of extensions, and the metadata that names an
origin.

Source: google/protobuf/any.proto, envoy/config/core/v3/base.proto (``Metadata``).
"""

from envoy.config.core.v3.base_pb2 import Metadata
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value

from controlplane.base.names import ObjectKey
from controlplane.envoy.object_path import object_path


def type_url_of(message: type[Message]) -> str:
    return f"type.googleapis.com/{message.DESCRIPTOR.full_name}"


def packed(message: Message) -> Packed:
    """``message`` as an ``Any``; equal messages give equal bytes."""
    return Packed(
        type_url=f"type.googleapis.com/{message.DESCRIPTOR.full_name}",
        value=message.SerializeToString(deterministic=True),
    )


def object_metadata(key: ObjectKey) -> Metadata:
    """Say which object of the user's this comes from: ``istio.config``, as istiod does."""
    fields = {"config": Value(string_value=object_path(key))}
    return Metadata(filter_metadata={"istio": Struct(fields=fields)})
