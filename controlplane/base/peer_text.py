"""Text that a peer sent, as it is shown to others: cut, and without what could steer a terminal or
begin a log line of its own.
"""

from typing import Final

SHOWN: Final = 200  # characters of what a peer sent that a message or log line repeats


def shown(text: str, most: int = SHOWN) -> str:
    """At most ``most`` characters of ``text`` without space around it; those that cannot be
    printed are escaped.
    """
    text = text.strip()
    cut = text[:most]
    if not cut.isprintable():
        cut = "".join(c if c.isprintable() else _escaped(c) for c in cut)[:most]
    return f"{cut}…" if len(text) > most else cut


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
