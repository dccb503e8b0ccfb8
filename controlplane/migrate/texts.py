"""The files after the migration: documents that stay keep every byte, those that go are replaced.

Comments of what is replaced are lost, because they are about fields that are no more.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml

from controlplane.base.names import ObjectKey
from controlplane.documents.content import FileContent
from controlplane.documents.document import Document, RawObject
from controlplane.documents.yaml import Data
from controlplane.migrate.objects import Replacement

_SEPARATOR: Final = "---\n"
_WIDE: Final = 1 << 16  # characters of a line: none is folded


@dataclass(frozen=True, slots=True)
class MigratedFile:
    """A file's text. ``source`` is where it was read, ``path`` the same with an ending that fits;
    ``is_changed``: something in it is migrated.
    """

    source: Path
    path: Path
    text: str
    is_changed: bool


def migrated_files(
    contents: tuple[FileContent, ...], replaced: Mapping[ObjectKey, Replacement]
) -> Iterator[MigratedFile]:
    """Every file of ``contents`` that has documents, with what is ``replaced`` in its place."""
    for content in contents:
        if content.documents and not content.is_folder:
            is_changed = any(found.key in replaced for found in content.objects)
            to_yaml = is_changed and content.path.suffix == ".json"
            path = content.path.with_suffix(".yaml") if to_yaml else content.path
            yield MigratedFile(content.path, path, _text(content, replaced), is_changed)


def _text(content: FileContent, replaced: Mapping[ObjectKey, Replacement]) -> str:
    parts = [part for document in content.documents for part in _parts(document, replaced)]
    return _joined(parts)


def _parts(document: Document, replaced: Mapping[ObjectKey, Replacement]) -> Iterator[str]:
    """The texts of the documents that ``document`` becomes."""
    if not any(found.key in replaced for found in document.objects):
        yield document.chunk.text
        return
    for found in document.objects:
        replacement = replaced.get(found.key)
        if replacement is None:
            yield yaml_text(found.body)
            continue
        if replacement.stays:
            yield _as_it_was(document, found)
        for written in replacement.objects:
            yield yaml_text(written)


def _as_it_was(document: Document, found: RawObject) -> str:
    return document.chunk.text if len(document.objects) == 1 else yaml_text(found.body)


def _joined(parts: list[str]) -> str:
    """Documents one behind the other; each but the first begins with its ``---`` line."""
    text = ""
    for part in parts:
        if text and not text.endswith("\n"):
            text += "\n"
        if text and not part.startswith("---"):
            text += _SEPARATOR
        text += part
    return text.removeprefix(_SEPARATOR)


def yaml_text(data: Mapping[str, Data]) -> str:
    """The object as its kind's documentation writes it: in blocks, fields in their usual order."""
    return yaml.dump(
        data,
        Dumper=_Plain,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDE,
        default_flow_style=False,
    )


class _Plain(yaml.SafeDumper):
    """Writes what is there several times several times, without aliases."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 PyYAML's signature
        return True
