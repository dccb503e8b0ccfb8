"""What a Secret of type ``kubernetes.io/dockerconfigjson`` shows a registry.

Source: Kubernetes, "Pull an Image from a Private Registry"; Docker's ``config.json``
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from controlplane.base.base64 import decoded
from controlplane.kinds.core.configuration import Secret
from controlplane.model.registry import DOCKER_HUB, Credentials

KEY: Final = ".dockerconfigjson"


def credentials(secret: Secret, registry: str) -> Credentials | None:
    """What the Secret has for a registry; ``None`` where it has nothing that can be read."""
    auths = _object(_content(secret)).get("auths")
    for name, entry in (auths if isinstance(auths, dict) else {}).items():
        if _host(str(name)) == registry and isinstance(entry, dict):
            return _entry(entry)
    return None


def is_pull_secret(secret: Secret) -> bool:
    """Whether there is anything in it for registries at all."""
    return bool(_object(_content(secret)).get("auths"))


def _content(secret: Secret) -> bytes:
    if KEY in secret.string_data:
        return secret.string_data[KEY].encode()
    return decoded(secret.data.get(KEY, "")) or b""


def _object(content: bytes) -> Mapping[str, object]:
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _host(name: str) -> str:
    """``https://index.docker.io/v1/`` is Docker's registry, under each of its names."""
    host = name.partition("://")[2] or name
    host = host.partition("/")[0]
    return DOCKER_HUB if host in ("docker.io", "registry-1.docker.io") else host


def _entry(entry: Mapping[str, object]) -> Credentials:
    user, password = _text(entry.get("username")), _text(entry.get("password"))
    if not user:
        pair = (decoded(_text(entry.get("auth"))) or b"").decode(errors="replace")
        user, _, password = pair.partition(":")
    return Credentials(user=user, password=password, token=_text(entry.get("registrytoken")))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
