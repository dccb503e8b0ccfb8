"""Images of a registry: how they are named, and what a registry is shown.

Source: OCI Distribution Specification; https://github.com/google/go-containerregistry, ``pkg/name``
"""

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

DOCKER_HUB: Final = "index.docker.io"
_LIBRARY: Final = "library"
_REPOSITORY: Final = re.compile(r"(?=.{2,255}$)[a-z0-9_.-]+(?:/[a-z0-9_.-]+)*")
_TAG: Final = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_HOST: Final = re.compile(r"\[[0-9a-fA-F:.]+\](?::\d+)?|[A-Za-z0-9.-]+(?::\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageName:
    """``reference`` is a tag, or a digest with ``sha256:`` before it."""

    registry: str
    repository: str
    reference: str

    @property
    def is_digest(self) -> bool:
        return self.reference.startswith("sha256:")

    @property
    def is_local(self) -> bool:
        """Whether the registry may lack TLS: it is on this machine, or of a private network."""
        host = self.registry.rpartition(":")[0] if ":" in self.registry else self.registry
        host = host.strip("[]")
        if host == "localhost" or host.endswith((".local", ".localhost")):
            return True
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return address.is_loopback or address.is_private


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A name and a password, or a token in their place."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


def image_name(text: str) -> ImageName | None:
    """``registry/repository:tag@digest``; ``None`` for what names no image.

    Without a registry it is Docker's, without a tag ``latest``. Of a tag and a digest the digest is
    used.
    """
    text, at, digest = text.partition("@")
    head, slash, rest = text.partition("/")
    is_host = slash and ("." in head or ":" in head or head == "localhost")
    registry, path = (head, rest) if is_host else (DOCKER_HUB, text)
    if registry in ("docker.io", DOCKER_HUB):
        registry = DOCKER_HUB
        path = path if "/" in path else f"{_LIBRARY}/{path}"
    repository, colon, tag = path.partition(":")
    if at and _DIGEST.fullmatch(digest) is None:
        return None
    if (colon and _TAG.fullmatch(tag) is None) or _REPOSITORY.fullmatch(repository) is None:
        return None
    if _HOST.fullmatch(registry) is None:
        return None
    reference = digest or tag or "latest"
    return ImageName(registry=registry, repository=repository, reference=reference)
