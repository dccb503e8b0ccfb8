"""Gateways to run, as runners are sent them: the message of ``protos/gateway_proxy.proto``.

The message is described here rather than by protoc, whose output has to fit the protobuf runtime of
the machine: it has a handful of fields, and a test compares both.
"""

from dataclasses import dataclass, field
from typing import Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from controlplane.base.names import Namespace
from controlplane.envoy.resource import Resource, TypeUrl, resource_of_parts
from controlplane.model.proxy import Labels, labels_of

PACKAGE: Final = "controlplane.v1"
_TEXTS: Final = {
    "name": 1,
    "namespace": 2,
    "service_account": 3,
    "address": 5,
    "token": 6,
    "root_certificate": 7,
    "server_name": 8,
    "proxy_config": 9,
}
_LABELS: Final = ("labels", 4)
_ENTRY: Final = "LabelsEntry"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnableGateway:
    """A gateway to run, complete with what it authenticates with; ``token`` is empty where none is
    asked for. ``proxy_config``: what it is started with, JSON; empty where nothing is said.
    """

    name: str
    namespace: Namespace
    service_account: str
    labels: Labels
    address: str
    token: str = field(repr=False)
    root_certificate: str
    server_name: str
    proxy_config: str = ""

    def __str__(self) -> str:
        return f"{self.name}.{self.namespace}"


def gateway_proxy(gateway: RunnableGateway) -> Resource:
    """The resource of a gateway, by the name ``name.namespace``."""
    texts = {name: getattr(gateway, name) for name in _TEXTS}
    message = _MESSAGE(**texts, labels=dict(gateway.labels))
    encoded = message.SerializeToString(deterministic=True)
    return resource_of_parts(TypeUrl.GATEWAY_PROXY, str(gateway), (encoded,))


def runnable_gateway(encoded: bytes) -> RunnableGateway:
    """Raises ``google.protobuf.message.DecodeError`` where ``encoded`` is not such a message."""
    message = _MESSAGE.FromString(encoded)
    texts = {name: getattr(message, name) for name in _TEXTS}
    labels = labels_of(dict(getattr(message, _LABELS[0])))
    return RunnableGateway(**texts, labels=labels)


def file_descriptor() -> FileDescriptorProto:
    """The file of the message, as protoc describes it."""
    text = FieldDescriptorProto.TYPE_STRING
    entry = DescriptorProto(name=_ENTRY)
    for number, name in enumerate(("key", "value"), 1):
        entry.field.append(_field(name, number, text))
    entry.options.map_entry = True
    message = DescriptorProto(name="GatewayProxy", nested_type=[entry])
    fields = [_field(name, number, text) for name, number in _TEXTS.items()]
    labels = _field(*_LABELS, FieldDescriptorProto.TYPE_MESSAGE)
    labels.label = FieldDescriptorProto.LABEL_REPEATED
    labels.type_name = f".{PACKAGE}.GatewayProxy.{_ENTRY}"
    message.field.extend(sorted((*fields, labels), key=lambda each: each.number))
    return FileDescriptorProto(
        name="gateway_proxy.proto", package=PACKAGE, message_type=[message], syntax="proto3"
    )


def _field(
    name: str, number: int, kind: "FieldDescriptorProto.Type.ValueType"
) -> FieldDescriptorProto:
    return FieldDescriptorProto(
        name=name,
        number=number,
        type=kind,
        label=FieldDescriptorProto.LABEL_OPTIONAL,
        json_name=_json_name(name),
    )


def _json_name(name: str) -> str:
    first, *others = name.split("_")
    return "".join((first, *(other.title() for other in others)))


def _message() -> type[Message]:
    pool = DescriptorPool()
    pool.Add(file_descriptor())
    return GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.GatewayProxy"))


_MESSAGE: Final = _message()
