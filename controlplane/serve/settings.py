"""What ``serve`` and ``up`` are started with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from controlplane.base.addresses import Address
from controlplane.engine.room import MAX_OBJECTS
from controlplane.identity.certificates import WORKLOAD_LIFE, XDS_LIFE
from controlplane.identity.rotation import SETTLE
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.model.connection import Connection
from controlplane.serve.issuer_keys import REFRESHED_AFTER
from controlplane.sources.state import StateDirectory
from controlplane.sources.state_lock import StateLock


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options, read."""

    config: tuple[Path, ...]
    secrets: tuple[Path, ...] = ()
    """Folders of Secrets as PEM files."""
    xds: Address
    admin: Address
    state: StateDirectory
    lock: StateLock | None = None
    """What keeps other control planes out of ``state``; ``None`` where there can be no other."""
    mesh: MeshConfig
    mesh_file: Path | None = None
    """Where ``mesh`` was read from, and is read from again when it changes."""
    mesh_text: str = ""
    """What that file said."""
    xds_life: timedelta = XDS_LIFE
    """How long a certificate of the xDS server lives; it is renewed after two thirds of that."""
    workload_life: timedelta = WORKLOAD_LIFE
    """How long a workload's certificate lives; it is renewed after about half of that."""
    rotation_settles: timedelta = SETTLE
    """How long a step of a change of roots lasts at least."""
    keys_refreshed_after: timedelta = REFRESHED_AFTER
    """How long the keys of an issuer are in use before they are fetched again."""
    wasm_dir: Path | None = None
    """The folder whose modules of WebAssembly are sent to proxies."""
    is_insecure: bool = False
    lean: bool = False
    """Whether routes leave out the metadata that names their VirtualService."""
    measures: bool = False
    """Whether proxies have Istio's metrics where MeshConfig names no provider of them."""
    max_objects: int = MAX_OBJECTS
    """How many objects are taken from all files together."""
    allows_removal: bool = False
    """Whether even most of the mesh is removed at once without a confirmation."""
    status_dir: Path | None = None
    """Where the status of objects is written as files."""
    metrics: Address | None = None
    """Where metrics and health alone are served besides."""
    trace_otlp: str | None = None
    """The collector (OTLP over HTTP) that traces of edits are sent to."""
    connections: tuple[Connection, ...] = ()
    """Services that are processes outside of the files' cluster."""
    resolves_services: bool = False
    """Whether services without endpoints are where DNS says that their names are."""
    environment: Mapping[str, str]
