"""The entries of a Secret or ConfigMap, and what is read from them."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from controlplane.base.base64 import decoded
from controlplane.base.codes import SECRET_UNREADABLE
from controlplane.base.diagnostics import Code, Related, Report
from controlplane.base.locations import FieldRef
from controlplane.model.tls import KeyPair, Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How long a certificate holds, and whose it is."""

    subject: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadKeyPair:
    """A key pair that Envoy accepts. ``names`` are the DNS names and addresses the certificate is
    for.
    """

    credential: KeyPair
    span: Span
    names: tuple[str, ...]
    place: FieldRef


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTrust:
    """Authorities that Envoy accepts."""

    credential: Trust
    spans: tuple[Span, ...]
    place: FieldRef


@dataclass(slots=True)
class Entries:
    """The entries of one object, and where to report what is wrong with them."""

    report: Report
    key: FieldRef
    related: tuple[Related, ...]
    texts: Mapping[str, str]
    encoded: Mapping[str, str]
    fields: tuple[str, str]
    """The fields that ``texts`` and ``encoded`` come from."""

    def at(self, entry: str) -> FieldRef:
        return self.key / (self.fields[0] if entry in self.texts else self.fields[1]) / entry

    def has(self, entry: str) -> bool:
        return bool(self.texts.get(entry) or self.encoded.get(entry))

    def bytes_of(self, entry: str) -> bytes | None:
        if entry in self.texts:
            return self.texts[entry].encode()
        content = decoded(self.encoded[entry])
        if content is None:
            self.fault(SECRET_UNREADABLE, entry, f'entry "{entry}" is not base64')
        return content

    def pem_of(self, entry: str) -> bytes | None:
        """As ``bytes_of``; without a byte order mark and without spaces around lines, which Envoy
        does not tolerate.
        """
        found = self.bytes_of(entry)
        if found is None:
            return None
        text = found.removeprefix(codecs.BOM_UTF8)
        lines = text.splitlines()
        is_tidy = all(line == line.strip() for line in lines)
        return text if is_tidy else b"\n".join((*(line.strip() for line in lines), b""))

    def fault(self, code: Code, entry: str, message: str, hint: str | None = None) -> None:
        self.report.add(code, self.at(entry), message, hint=hint, related=self.related)
