"""How the name of a file is shown: names are bytes to the system, text everywhere else.

The system's own form (``surrogateescape``) goes back to it unchanged; but no JSON, no database and
no terminal takes it, so it never leaves ``sources``.
"""

import os
from pathlib import Path


def printable(path: Path) -> Path:
    """``path`` with each byte that is no UTF-8 as ``\\xff``; most often ``path`` itself."""
    text = str(path)
    return path if text.isascii() else Path(os.fsencode(text).decode(errors="backslashreplace"))
