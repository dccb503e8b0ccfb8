"""IP addresses as the API server reads them, which Python's ``ipaddress`` is stricter about.

Source: k8s.io/utils/internal/third_party/forked/golang/net/parse.go (Go's parser before 1.17)
"""

import re
from typing import Final

_GROUP: Final = re.compile(r"[0-9a-fA-F]+")
_PART: Final = re.compile(r"[0-9]+")
_GROUPS: Final = 8


def is_lenient_ip(text: str) -> bool:
    """Whether ``text`` is an IPv4 or IPv6 address; leading zeros do not matter, zones do."""
    colon = text.find(":")
    return _is_v6(text) if colon >= 0 and "." not in text[:colon] else _is_v4(text)


def _is_v4(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 4 and all(_PART.fullmatch(part) and int(part) <= 0xFF for part in parts)


def _is_v6(text: str) -> bool:
    head, ellipsis, tail = text.partition("::")
    groups = [*(head.split(":") if head else ()), *(tail.split(":") if tail else ())]
    count = len(groups)
    if groups and "." in groups[-1] and (tail or not ellipsis):
        if not _is_v4(groups.pop()):
            return False
        count += 1
    if not all(_GROUP.fullmatch(group) and int(group, 16) <= 0xFFFF for group in groups):
        return False
    return count < _GROUPS if ellipsis else count == _GROUPS
