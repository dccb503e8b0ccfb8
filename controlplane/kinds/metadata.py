"""``metadata``: names, labels and annotations, by the rules of Kubernetes.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/, Istio
``validateMetadata``
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Final

import msgspec

from controlplane.base.codes import (
    BAD_NAME,
    NO_EFFECT,
    RESERVED,
    VALUE_MALFORMED,
    WRONG_SIZE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.ignoring import IGNORE, faults
from controlplane.base.locations import FieldRef
from controlplane.documents.document import CLUSTER_WIDE
from controlplane.kinds.gateway_api.gateway import KUBERNETES_GATEWAY, PROXY_NAMES
from controlplane.kinds.istio.authorization_policy import AUTHORIZATION_POLICY, DRY_RUN
from controlplane.kinds.misplaced import Move
from controlplane.kinds.proxy_config import check_own_annotation
from controlplane.kinds.spec import Int64, Spec
from controlplane.kinds.timestamp import in_utc
from controlplane.kinds.validation import names
from controlplane.kinds.walk import DROPPED, Null, Walk

_LABEL: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")
ANNOTATIONS_LIMIT: Final = 256 * 1024  # bytes, keys and values together
_TIMES: Final = ("creationTimestamp", "deletionTimestamp")
ALWAYS_REJECT: Final = "internal.istio.io/webhook-always-reject"
_ISTIO: Final = ".istio.io"
_INTERNAL: Final = ("internal.istio.io/parents", "internal.istio.io/parent-namespace")
"""What Istio writes into objects that it makes of others, which gives them rights of theirs."""


class Metadata(Spec, frozen=True):
    """The fields of ObjectMeta; those that only a cluster writes have no effect."""

    name: str = ""
    namespace: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    creation_timestamp: str = ""
    generate_name: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 0
    self_link: str = ""
    deletion_timestamp: str = ""
    deletion_grace_period_seconds: Int64 = 0
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[Mapping[str, object], ...] = ()
    managed_fields: tuple[Mapping[str, object], ...] = ()


def metadata_of(
    report: Report,
    at: FieldRef,
    body: Mapping[str, object],
    moves: list[Move],
    *,
    beside: tuple[FieldRef, type[Spec]] | None = None,
) -> Metadata:
    """The metadata of an object, its faults reported.

    Where unknown fields belong is added to ``moves``; ``beside``: the place and type of what else
    the object has.
    """
    place = at / "metadata"
    written = body.get("metadata", {})
    try:
        metadata = msgspec.convert(written, Metadata, dec_hook=lambda _, value: value)
    except msgspec.ValidationError:
        walk = Walk(report, Null.ZERO, body, moves)
        if beside is not None:
            other = body if beside[0] == at else body.get("spec")
            walk.enter(*beside, other if isinstance(other, Mapping) else {})
        fitting = walk.struct(place, Metadata, written)
        left = {} if fitting is DROPPED else fitting
        metadata = msgspec.convert(left, Metadata, dec_hook=lambda _, value: value)
    _check_names(report, place, metadata)
    if isinstance(written, Mapping):
        _check_times(report, place, written)
    _check_labels(report, place / "labels", metadata.labels)
    if metadata.annotations:
        _check_annotations(report, place / "annotations", metadata.annotations)
    return metadata


def _check_names(report: Report, at: FieldRef, metadata: Metadata) -> None:
    if not names.is_object_name(metadata.name):
        hint = "use at most 253 lower case letters, digits, - and ."
        message = f'"{metadata.name}" is not a valid name of an object'
        report.add(BAD_NAME, at / "name", message, hint=hint)
    namespace = metadata.namespace
    if namespace and at.object.kind not in CLUSTER_WIDE and not _is_namespace(namespace):
        hint = "use at most 63 lower case letters, digits and -"
        message = f'"{namespace}" is not a valid namespace'
        report.add(BAD_NAME, at / "namespace", message, hint=hint)


def _check_times(report: Report, at: FieldRef, written: Mapping[str, object]) -> None:
    for field in _TIMES:
        text = written.get(field)
        if isinstance(text, str) and in_utc(text) is None:
            hint = "write it as 2026-01-31T12:00:00Z, or leave it out"
            report.add(
                VALUE_MALFORMED, at / field, f'"{text}" is not a time of RFC 3339', hint=hint
            )


@lru_cache(maxsize=4096)
def _is_namespace(name: str) -> bool:
    return len(name) <= names.LABEL_LIMIT and _LABEL.fullmatch(name) is not None


def _check_labels(report: Report, at: FieldRef, labels: Mapping[str, str]) -> None:
    for key, value in labels.items():
        prefix, slash, _ = key.rpartition("/")
        fault = names.label_key_fault(key)
        if fault is None and prefix != prefix.lower():
            fault = f'has capitals in the prefix "{prefix}{slash}"'
        if fault is not None:
            report.add(VALUE_MALFORMED, (at / key).key, f'"{key}" {fault}')
        fault = names.label_value_fault(value)
        if fault is not None:
            report.add(VALUE_MALFORMED, at / key, f'"{value}" {fault}')
        if len(value) > names.LABEL_LIMIT:
            size, limit = len(value), names.LABEL_LIMIT
            message = f"the label's value is {size} characters long (at most {limit})"
            report.add(WRONG_SIZE, at / key, message)


def _check_ignore(report: Report, at: FieldRef, annotations: Mapping[str, str]) -> None:
    for fault in faults(annotations.get(IGNORE, "")):
        report.add(NO_EFFECT, at / IGNORE, f"annotation {IGNORE}: {fault}")


def _check_proxy_names(report: Report, at: FieldRef, annotations: Mapping[str, str]) -> None:
    for key in PROXY_NAMES:
        value = annotations.get(key, "")
        if value and not names.is_object_name(value):
            message = f'annotation {key}: "{value}" is not a valid name of an object'
            hint = "use at most 253 lower case letters, digits, - and ."
            report.add(NO_EFFECT, at / key, message, hint=hint)


def _check_annotations(report: Report, at: FieldRef, annotations: Mapping[str, str]) -> None:
    _check_ignore(report, at, annotations)
    check_own_annotation(report, at, annotations)
    if at.object.kind == KUBERNETES_GATEWAY:
        _check_proxy_names(report, at, annotations)
    size = 0
    for key, value in annotations.items():
        size += len(key.encode()) + len(value.encode())
        fault = names.label_key_fault(key.lower())
        if fault is not None:
            message = f'"{key}" is not a valid annotation key: it {fault}'
            report.add(VALUE_MALFORMED, (at / key).key, message)
    if size > ANNOTATIONS_LIMIT:
        message = f"the annotations are {size} bytes together (at most {ANNOTATIONS_LIMIT})"
        report.add(WRONG_SIZE, at, message)
    if at.object.kind.group.endswith(_ISTIO):
        _check_reserved(report, at, annotations)


def _check_reserved(report: Report, at: FieldRef, annotations: Mapping[str, str]) -> None:
    """Annotations with which Istio refuses an object of its kinds."""
    if ALWAYS_REJECT in annotations:
        message = f"Istio refuses every object with the annotation {ALWAYS_REJECT}"
        report.add(RESERVED, (at / ALWAYS_REJECT).key, message, hint="remove it")
    for name in _INTERNAL:
        if name in annotations:
            message = f'"{name}" is set by Istio, not by users'
            report.add(RESERVED, (at / name).key, message, hint="remove it")
    if DRY_RUN in annotations and at.object.kind != AUTHORIZATION_POLICY:
        message = f"the annotation {DRY_RUN} is for AuthorizationPolicy only"
        report.add(RESERVED, (at / DRY_RUN).key, message, hint="remove it")
