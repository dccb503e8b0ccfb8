"""One message merged into another, as Istio does it for EnvoyFilters.

Scalars that the source sets are taken over, messages are merged field by field, lists are appended
to, entries of maps replaced by key. A duration is taken over whole.
Source: Istio ``pkg/proto/merge/merge.go``, ``pilot/pkg/networking/util/util.go``
(``MergeAnyWithAny``)
"""

from collections.abc import Sequence
from typing import Any, Final

from google.protobuf import message_factory
from google.protobuf.any_pb2 import Any as Packed
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from controlplane.envoy.packing import packed
from controlplane.protobuf.descriptors import message_type

_WHOLE: Final = frozenset({"google.protobuf.Duration"})


def merge(target: Message, source: Message, *, replaces_lists: bool) -> None:
    """Merge ``source`` into ``target``, which is of the same type."""
    assert target.DESCRIPTOR.full_name == source.DESCRIPTOR.full_name, "only like is merged"
    for field, value in source.ListFields():
        _merge_field(target, field, value, replaces_lists=replaces_lists)


def _merge_field(
    target: Message, field: FieldDescriptor, value: Any, *, replaces_lists: bool
) -> None:
    """Any: what a field holds is known from its descriptor only."""
    type_ = field.message_type
    if type_ is not None and type_.GetOptions().map_entry:
        _merge_map(getattr(target, field.name), type_.fields_by_name["value"], value)
    elif field.is_repeated:
        if replaces_lists:
            target.ClearField(field.name)
        getattr(target, field.name).extend(value)
    elif type_ is None:
        setattr(target, field.name, value)
    elif type_.full_name in _WHOLE:
        getattr(target, field.name).CopyFrom(value)
    else:
        within: Message = getattr(target, field.name)
        within.SetInParent()
        merge(within, value, replaces_lists=replaces_lists)


def _merge_map(target: Any, of_value: FieldDescriptor, source: Any) -> None:
    for key in source:
        if of_value.message_type is not None:
            target[key].CopyFrom(source[key])
        else:
            target[key] = source[key]


def unpacked(message: Packed) -> Message | None:
    """The message within; ``None`` where its type is not known or it cannot be read."""
    type_ = message_type(message.type_url.rpartition("/")[2])
    if type_ is None:
        return None
    found = message_factory.GetMessageClass(type_)()
    try:
        found.ParseFromString(message.value)
    except DecodeError:
        return None
    return found


def merge_packed(target: Packed, source: Packed) -> bool:
    """Merge the message within ``source`` into that within ``target``; false where they are not of
    one type: then nothing changes.
    """
    into, of_patch = unpacked(target), unpacked(source)
    if into is None or of_patch is None or type(into) is not type(of_patch):
        return False
    merge(into, of_patch, replaces_lists=False)
    target.CopyFrom(packed(into))
    return True


def replace_all(field: Any, items: Sequence[Message]) -> None:
    """Let a repeated field hold ``items``, which may have been in it. Any: a field of messages."""
    copies = [type(item).FromString(item.SerializeToString()) for item in items]
    del field[:]
    field.extend(copies)
