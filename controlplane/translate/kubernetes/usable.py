"""Whether a Secret can take the place of another: a running gateway never trades a certificate that
works for one that does not.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime

from controlplane.base.diagnostics import Report
from controlplane.kinds.core.configuration import Secret
from controlplane.kinds.object import Object
from controlplane.translate.kubernetes.secret import holds
from controlplane.translate.kubernetes.secret import key_pair
from controlplane.translate.kubernetes.secret import trust


def is_usable(report: Report, secret: Object[Secret], now: datetime) -> bool:
    """Whether it holds a certificate with its key, or authorities, that are good now; reports why
    not.
    """
    if _has_authorities(secret.spec) and not _has_pair(secret.spec):
        found = trust(report, secret)
        if found is None:
            return False
        standing = [holds(report, found.place, span, now) for span in found.spans]
        return any(standing)
    pair = key_pair(report, secret)
    return pair is not None and holds(report, pair.place, pair.span, now)


def secret_files(secret: Secret) -> Mapping[str, bytes]:
    """The entries as bytes; what is not base64 is left out."""
    files: dict[str, bytes] = {}
    for name, encoded in secret.data.items():
        try:
            files[name] = base64.b64decode(encoded, validate=False)
        except binascii.Error:
            continue
    files.update((name, text.encode()) for name, text in secret.string_data.items())
    return files


def _has_pair(secret: Secret) -> bool:
    entries = {*secret.data, *secret.string_data}
    return {"tls.crt", "tls.key"} <= entries or {"cert", "key"} <= entries


def _has_authorities(secret: Secret) -> bool:
    return bool({"ca.crt", "cacert"} & {*secret.data, *secret.string_data})
