"""The modules that were fetched last, kept for a restart while their server is gone.

Each is a file named by its SHA-256, which is checked when it is read.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
import structlog

from controlplane.base.names import Namespace, ObjectKey
from controlplane.kinds.core.configuration import SECRET
from controlplane.model.extension import Module, ModuleSource
from controlplane.sources.module_content import LARGEST
from controlplane.sources.state import StateDirectory

MODULES: Final = "modules.json"
FOLDER: Final = "modules"
_LARGEST_LIST: Final = 16 << 20  # bytes

log = structlog.stdlib.get_logger("state")


class _Kept(msgspec.Struct, frozen=True):
    uri: str
    checksum: str
    change: str
    digest: str
    secret: tuple[str, str] | None = None


def kept_modules(state: StateDirectory) -> dict[ModuleSource, Module]:
    """What an earlier process fetched; nothing where that is not known."""
    file = state.path / MODULES
    try:
        with file.open("rb") as opened:
            found = msgspec.json.decode(opened.read(_LARGEST_LIST), type=tuple[_Kept, ...])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # msgspec's errors are ValueErrors
        log.warning("modules_unreadable", file=str(file), reason=str(error))
        return {}
    modules: dict[str, Module] = {}
    for digest in sorted({kept.digest for kept in found}):
        module = _module(state.path / FOLDER, digest)
        if module is not None:
            modules[digest] = module
    return {_source(kept): modules[kept.digest] for kept in found if kept.digest in modules}


def keep_modules(state: StateDirectory, modules: Mapping[ModuleSource, Module]) -> None:
    """Make ``modules`` what is kept; ``OSError``."""
    folder = StateDirectory(state.path / FOLDER)
    folder.path.mkdir(mode=0o700, exist_ok=True)
    for module in modules.values():
        if not (folder.path / _name(module.digest)).exists():
            folder.write(_name(module.digest), module.content)
    kept = [
        _Kept(
            uri=source.uri,
            checksum=source.checksum,
            change=source.change,
            digest=module.digest,
            secret=_secret(source),
        )
        for source, module in modules.items()
    ]
    state.write(MODULES, msgspec.json.encode(kept))
    _remove_others(folder.path, {module.digest for module in modules.values()})


def _secret(source: ModuleSource) -> tuple[str, str] | None:
    return (source.secret.namespace, source.secret.name) if source.secret is not None else None


def _source(kept: _Kept) -> ModuleSource:
    secret = kept.secret
    return ModuleSource(
        uri=kept.uri,
        checksum=kept.checksum,
        change=kept.change,
        secret=ObjectKey(SECRET, Namespace(secret[0]), secret[1]) if secret is not None else None,
    )


def _module(folder: Path, digest: str) -> Module | None:
    if not digest.isalnum():
        return None
    with suppress(OSError), (folder / _name(digest)).open("rb") as opened:
        content = opened.read(LARGEST + 1)
        if sha256(content).hexdigest() == digest:
            return Module(digest, content)
    return None


def _remove_others(folder: Path, digests: Iterable[str]) -> None:
    used = {_name(digest) for digest in digests}
    for file in folder.glob("*.wasm"):
        if file.name not in used:
            file.unlink(missing_ok=True)


def _name(digest: str) -> str:
    return f"{digest}.wasm"
