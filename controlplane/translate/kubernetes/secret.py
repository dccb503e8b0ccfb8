"""Secrets and ConfigMaps become certificates, keys and authorities, checked so that Envoy accepts
them.

The entries that hold them: ``cert``/``key``/``cacert``/``crl`` (generic),
``tls.crt``/``tls.key``/``ca.crt``/ ``ca.crl`` (the usual ones); the first complete set is used.
Source: istio ``pilot/pkg/credentials/kube``.
"""

from datetime import datetime, timedelta
from typing import Final

from controlplane.base.codes import (
    CERTIFICATE_EXPIRED,
    CERTIFICATE_EXPIRES,
    CERTIFICATE_NOT_YET_VALID,
    SECRET_INCOMPLETE,
)
from controlplane.base.diagnostics import Code, Related, Report
from controlplane.base.locations import FieldRef
from controlplane.base.nearest import nearest
from controlplane.kinds.core.configuration import ConfigMap, Secret
from controlplane.kinds.object import Object
from controlplane.translate.kubernetes.secret_entries import Entries, ReadKeyPair, ReadTrust, Span

_DATE: Final = "%Y-%m-%d %H:%M"
WARNED_DAYS: Final = (1, 7, 14, 30)
"""How many days before its end a certificate is warned about; each step is reported once."""
_PAIRS: Final = (("cert", "key", "", "crl"), ("tls.crt", "tls.key", "tls.ocsp-staple", "ca.crl"))
_AUTHORITIES: Final = (("cacert", "crl"), ("ca.crt", "ca.crl"))


def key_pair(
    report: Report, source: Object[Secret], *, users: tuple[Related, ...] = ()
) -> ReadKeyPair | None:
    """The certificate and key of a Secret; ``None``, and a diagnostic, where there is no usable
    one.
    """
    reader = _entries(report, source, users)
    for certificate, key, staple, _ in _PAIRS:
        if reader.has(certificate) and reader.has(key):
            # Late: cryptography takes 30 ms to import, and most configurations need none of it.
            from controlplane.translate.kubernetes.pem import checked_key_pair

            return checked_key_pair(reader, certificate, key, staple)
    report.add(
        SECRET_INCOMPLETE,
        FieldRef(source.key),
        f"{source.key.display_name} has {_listed(source)}; a certificate needs tls.crt and tls.key "
        "(or cert and key)",
        hint=_renaming(source),
        related=users,
    )
    return None


def _renaming(source: Object[Secret]) -> str | None:
    """The hint for an entry whose name is a slip, such as ``tls.cert``."""
    names = [*source.spec.data, *source.spec.string_data]
    wanted = [name for name in _PAIRS[1][:2] if name not in names]
    near = [(name, near) for name in names if (near := nearest(name, wanted)) is not None]
    return f'rename "{near[0][0]}" to "{near[0][1]}"' if near else None


def trust(
    report: Report, source: Object[Secret | ConfigMap], *, users: tuple[Related, ...] = ()
) -> ReadTrust | None:
    """The authorities in a Secret or ConfigMap; ``None``, and a diagnostic, for none."""
    reader = _entries(report, source, users)
    for entry, revoked in _AUTHORITIES:
        if reader.has(entry):
            # Late, as in key_pair.
            from controlplane.translate.kubernetes.pem import checked_trust

            return checked_trust(reader, entry, revoked)
    report.add(
        SECRET_INCOMPLETE,
        FieldRef(source.key),
        f"{source.key.display_name} has {_listed(source)}; to verify certificates it needs ca.crt "
        "(or cacert)",
        related=users,
    )
    return None


def is_valid_at(
    report: Report, at: FieldRef, span: Span, time: datetime, users: tuple[Related, ...] = ()
) -> bool:
    """Whether a certificate is valid at ``time``; warns of its end in steps, so that the text stays
    the same between them.
    """

    def tell(code: Code, message: str, hint: str) -> None:
        report.add(code, at, message, hint=hint, related=users)

    if time >= span.ends:
        tell(
            CERTIFICATE_EXPIRED,
            f"certificate {span.subject} expired on {span.ends:{_DATE}} UTC and is not served",
            "renew it",
        )
        return False
    if time < span.begins:
        tell(
            CERTIFICATE_NOT_YET_VALID,
            f"certificate {span.subject} is not valid before {span.begins:{_DATE}} UTC and is "
            "not served until then",
            "check the clock of the machine that issued it",
        )
        return False
    for days in WARNED_DAYS:
        if time >= span.ends - timedelta(days=days):
            tell(
                CERTIFICATE_EXPIRES,
                f"certificate {span.subject} expires on {span.ends:{_DATE}} UTC, in less than "
                f"{days} {'day' if days == 1 else 'days'}",
                "renew it",
            )
            break
    return True


def _entries(
    report: Report, source: Object[Secret | ConfigMap], users: tuple[Related, ...]
) -> Entries:
    spec = source.spec
    if isinstance(spec, Secret):
        return Entries(
            report, FieldRef(source.key), users, spec.string_data, spec.data, ("stringData", "data")
        )
    return Entries(
        report, FieldRef(source.key), users, spec.data, spec.binary_data, ("data", "binaryData")
    )


def _listed(source: Object[Secret | ConfigMap]) -> str:
    spec = source.spec
    names = (
        {*spec.data, *spec.string_data}
        if isinstance(spec, Secret)
        else {*spec.data, *spec.binary_data}
    )
    return f"the entries {', '.join(sorted(names))}" if names else "no entries"
