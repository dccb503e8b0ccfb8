"""Values of any field of a struct, for laws that hold for every field."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import inspect

from controlplane.kinds.duration import duration
from controlplane.kinds.spec import Duration, Spec

S = TypeVar("S", bound=Spec)
_TEXT = "/sample"


def given(struct: type[S], name: str) -> S:
    """A struct of which one field, by its name in Python, is not its default."""
    value = sample(struct, name)
    assert value != getattr(struct(), name), f"{struct.__name__}.{name} has a sample"
    return msgspec.structs.replace(struct(), **{name: value})


def sample(struct: type[Spec], name: str) -> object:
    """A value of a field that is not its default."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType), "a Spec is a struct"
    (field,) = (field for field in info.fields if field.name == name)
    return _sample(field.type, getattr(struct(), name))


def _sample(wanted: inspect.Type, default: object) -> object:
    match wanted:
        case inspect.UnionType(types=types):
            return _sample(next(t for t in types if not isinstance(t, inspect.NoneType)), default)
        case inspect.StrType():
            return _TEXT
        case inspect.BoolType():
            return default is not True
        case inspect.IntType():
            return 7
        case inspect.FloatType():
            return 7.5
        case inspect.EnumType(cls=cls):
            return next(member for member in cls if member is not default)
        case inspect.VarTupleType(item_type=item):
            return (_sample(item, None),)
        case inspect.DictType(value_type=value):
            return {_TEXT: _sample(value, None)}
        case inspect.StructType(cls=cls) if issubclass(cls, Spec) and cls.__struct_fields__:
            return given(cls, cls.__struct_fields__[0])
        case inspect.StructType(cls=cls):
            return cls()
        case inspect.CustomType(cls=cls) if cls is Duration:
            return duration("7s")
        case _:
            return _TEXT


def fields(*structs: type[Spec]) -> Mapping[str, tuple[type[Spec], str]]:
    """Every field of some structs, by ``Struct.field``."""
    return {
        f"{struct.__name__}.{name}": (struct, name)
        for struct in structs
        for name in struct.__struct_fields__
    }
