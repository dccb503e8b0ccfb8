"""Base64 as Kubernetes and Istio read it: the standard alphabet with its padding, in which line
breaks are skipped.

No other white space, no letters of the alphabet for URLs, nothing behind the padding. It holds for
entries of Secrets and ConfigMaps, for ``bytes`` of Istio's kinds and for ``!!binary``.
Source: Go ``encoding/base64``, StdEncoding.
"""

import binascii
from typing import Final

_LINE_BREAKS: Final = {ord("\r"): None, ord("\n"): None}


def decoded(text: str) -> bytes | None:
    """The bytes that ``text`` encodes; ``None`` where it is not base64."""
    compact = text.translate(_LINE_BREAKS)
    if len(compact) % 4 or compact.endswith("===="):
        return None
    try:
        return binascii.a2b_base64(compact, strict_mode=True)
    except ValueError:  # binascii.Error is one, and so is what letters beyond ASCII raise
        return None
