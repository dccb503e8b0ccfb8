"""Tokens that are refused before they end: their ids, a line each, in the state directory."""

from typing import Final

from controlplane.identity.identity import TOKEN_ID
from controlplane.sources.state import Area

REVOKED: Final = "revoked-tokens"


def revoke(area: Area, token_id: str) -> None:
    """Refuse the token from now on; a running control plane notices within seconds."""
    area.append(REVOKED, token_id)


class RevokedTokens:
    """The ids that were revoked. What was read once is never forgotten, though the file be lost."""

    def __init__(self, area: Area) -> None:
        self._area = area
        self._ids: frozenset[str] = frozenset()
        self.look()

    def __contains__(self, token_id: object) -> bool:
        return token_id in self._ids

    def look(self) -> frozenset[str]:
        """Read the file again and give what is new; write again what is lost. For any thread."""
        content = self._area.content(REVOKED) or b""
        words = content.decode(errors="replace").split()
        found = frozenset(word for word in words if TOKEN_ID.fullmatch(word))
        new, lost = found - self._ids, self._ids - found
        self._ids |= found
        if lost:
            lines = (f"{token_id}\n" for token_id in sorted(self._ids))
            self._area.replace(REVOKED, "".join(lines).encode())
        return new
