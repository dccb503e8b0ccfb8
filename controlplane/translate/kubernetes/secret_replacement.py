"""Whether a Secret can take the place of another: a running gateway never replaces a working
certificate by one that does not work.
"""

from collections.abc import Mapping
from datetime import datetime

from controlplane.base.base64 import decoded
from controlplane.base.diagnostics import Report
from controlplane.kinds.core.configuration import Secret
from controlplane.kinds.object import Object
from controlplane.translate.kubernetes.secret import is_valid_at, key_pair, trust


def would_break(report: Report, new: Object[Secret], before: Object[Secret], now: datetime) -> bool:
    """Whether something is good in ``before`` and broken or gone in ``new``; reports what.

    Authorities may be left out on purpose, so only broken ones count. A certificate cannot: it is
    still wanted while its files are copied one by one.
    """
    if _pair_is_good(Report(), before, now) and not _pair_is_good(report, new, now):
        return True
    needed = _has_authorities(new.spec) or not _has_pair(new.spec)
    return (
        needed
        and _authorities_are_good(Report(), before, now)
        and not _authorities_are_good(report, new, now)
    )


def _pair_is_good(report: Report, secret: Object[Secret], now: datetime) -> bool:
    pair = key_pair(report, secret)
    return pair is not None and is_valid_at(report, pair.place, pair.span, now)


def _authorities_are_good(report: Report, secret: Object[Secret], now: datetime) -> bool:
    found = trust(report, secret)
    if found is None:
        return False
    valid = [is_valid_at(report, found.place, span, now) for span in found.spans]
    return any(valid)


def secret_files(secret: Secret) -> Mapping[str, bytes]:
    """The entries as bytes; what is not base64 is left out."""
    read = {name: decoded(encoded) for name, encoded in secret.data.items()}
    files = {name: content for name, content in read.items() if content is not None}
    return files | {name: text.encode() for name, text in secret.string_data.items()}


def _has_pair(secret: Secret) -> bool:
    entries = {*secret.data, *secret.string_data}
    return {"tls.crt", "tls.key"} <= entries or {"cert", "key"} <= entries


def _has_authorities(secret: Secret) -> bool:
    return bool({"ca.crt", "cacert"} & {*secret.data, *secret.string_data})
