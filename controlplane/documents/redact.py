"""A line that is shown of a document, without what may be key material.

Only of Secrets, which are known by their text: a document that does not parse is shown as well.
"""

import re
from typing import Final

_SECRET: Final = re.compile(r"""\bkind["']?\s*:\s*["']?Secret(List)?\b""")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/=]{16,}")  # 12 bytes or more; no field's name is so long
_MASK: Final = "*"


def redacted(line: str, document: str) -> str:
    """``line`` of ``document``, as long as it was, so that a caret is still below its value."""
    if not _SECRET.search(document):
        return line
    return _BASE64.sub(lambda found: _MASK * len(found[0]), line)
