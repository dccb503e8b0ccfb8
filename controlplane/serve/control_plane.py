"""Builds the control plane from its parts and joins them: files to engine, engine to xDS and admin.

One event loop. The files are watched on a thread of their own; accepted objects are written on
another, after the edit was sent.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509

from controlplane.admin.metrics import Metrics
from controlplane.base.errors import TokenRefused
from controlplane.base.names import ObjectKey
from controlplane.engine.edit import Edit
from controlplane.engine.mesh_file import mesh_file
from controlplane.kinds.core.configuration import SECRET
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.serve.background import Batch, Steps, followed, log_faults
from controlplane.serve.calendar import Calendar
from controlplane.serve.connected_services import ConnectedServices
from controlplane.serve.edit_reports import EditReports
from controlplane.serve.edit_telemetry import EditTelemetry
from controlplane.serve.engine_settings import engine_of
from controlplane.serve.extension_modules import ExtensionModules
from controlplane.serve.gateway_runners import GatewayRunners
from controlplane.serve.issuer_keys import IssuerKeys, pause_after
from controlplane.serve.mesh_trust import CA_SECRET, MeshTrust
from controlplane.serve.overview import LiveOverview
from controlplane.serve.proxy_watch import ProxyWatch
from controlplane.serve.reading import off_the_loop, read_ahead
from controlplane.serve.registering import Registering
from controlplane.serve.reload import OnReload, Taken
from controlplane.serve.rest_of_change import RestOfChange
from controlplane.serve.settings import Settings
from controlplane.serve.snapshot_cache import SnapshotCache
from controlplane.serve.state_keeper import StateKeeper, kept_keys
from controlplane.serve.status_keeper import StatusKeeper
from controlplane.serve.statuses import generations
from controlplane.serve.trust import Trust
from controlplane.sources.accepted import AcceptedObjects
from controlplane.sources.files import changes
from controlplane.sources.kept_statuses import kept_statuses
from controlplane.tls.state import LiveTls
from controlplane.xds.node import Bearer
from controlplane.xds.server import XdsServer

HOUSEKEEPING: Final = 5.0  # seconds between looks at the clock and at what is no longer needed

log = structlog.stdlib.get_logger("serve")


class ControlPlane:
    """A running control plane; use it through ``running``."""

    def __init__(
        self, settings: Settings, clock: Callable[[], datetime], on_reload: OnReload
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._trust = Trust(settings, clock)
        self.metrics = Metrics(version("controlplane"))
        self._telemetry = EditTelemetry(self.metrics, settings)
        self._mesh_trust = MeshTrust(settings, clock, self.metrics.issued)
        self._keeper = StateKeeper(
            settings.state,
            settings.lock,
            kept_keys(settings.state),
            self._trust.revoked,
            on_rotation=self._trust.verify_with,
        )
        self._accepted = AcceptedObjects(settings.state.path / "accepted.db")
        kept = kept_statuses(settings.state)
        self.engine = engine_of(settings, clock(), self._accepted, generations(kept))
        self.connected_services = ConnectedServices(
            self.engine, settings.connections, resolves=settings.resolves_services
        )
        self.registering = Registering(
            self.engine,
            settings.state,
            on_loopback=settings.xds.loopback,
            clock=clock,
            publish=self._bring,
        )
        self._issuer_keys = self._keys_of_issuers(clock)
        found = partial(ExtensionModules, self.engine, settings.state, folder=settings.wasm_dir)
        self._modules = found(publish=self._bring, clock=clock)
        self.snapshots = SnapshotCache(self.engine)
        self.engine.on_stage = self.snapshots.on_stage = self._telemetry.on_stage
        self.runners = self._gateway_runners(clock)
        self.server = XdsServer(
            self.snapshots,
            authenticate=self._authenticate,
            own_secrets=self._mesh_trust.own_secrets,
            clock=clock,
            traffic=self.metrics,
            registrar=self.registering.workloads,
            services=self.registering.services(self.snapshots.ready),
            runners=self.runners.connected,
        )
        tls = LiveTls(self.engine, self._mesh_trust.own_secrets)
        self._inventory = tls.inventory
        trust = self._mesh_trust
        self.metrics.expire(
            tls.inventory.expiries, lambda: trust.root_expires, lambda: trust.chain_expires, clock
        )
        connections = self.server.connections
        self._statuses = StatusKeeper(self.engine, connections, settings, clock, kept)
        self.overview = self._overview(tls)
        traces = self._telemetry.traces
        self._reports = EditReports(self.engine, self.metrics, connections, on_reload, traces)
        self._watch = ProxyWatch(self.engine, self.snapshots, self.server, self._reports.notice)
        self._steps = Steps()
        self._rest: RestOfChange | None = None
        self._tasks: asyncio.TaskGroup | None = None

    def _overview(self, tls: LiveTls) -> LiveOverview:
        return LiveOverview(
            self.engine,
            self.snapshots,
            self.server.connections,
            self.metrics,
            tls,
            self._mesh_trust,
            self.registering.workloads.shown,
            self._statuses.statuses,
            self.runners.shown,
        )

    def _keys_of_issuers(self, clock: Callable[[], datetime]) -> IssuerKeys:
        after = self.settings.keys_refreshed_after
        return IssuerKeys(
            *(self.engine, self.settings.state),
            publish=self._bring,
            clock=clock,
            pause=partial(pause_after, refreshed_after=after),
            fetched=self.metrics.keys_fetched,
        )

    def _gateway_runners(self, clock: Callable[[], datetime]) -> GatewayRunners:
        return GatewayRunners(
            self.engine,
            None if self.settings.is_insecure else self._trust,
            clock=clock,
            traffic=self.metrics,
            publish=self._bring,
        )

    async def start(self) -> int:
        """Open the xDS port, and give it; nothing is answered before the first load is complete."""
        self._telemetry.start()
        settings = self.settings
        tls = None if settings.is_insecure else self._trust.xds_certificate().credentials()
        return await self.server.start(str(settings.xds), tls)

    async def serve_until(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self._rest = RestOfChange(partial(self._let_go, tasks))
            background = (
                tasks.create_task(self._follow(tasks)),
                tasks.create_task(self.follow_mesh(tasks)),
                tasks.create_task(self._follow_names(tasks)),
                tasks.create_task(self._keep_house()),
                tasks.create_task(self._keep_time()),
                tasks.create_task(self._watch.run()),
                tasks.create_task(self.registering.run(self.snapshots.ready)),
                tasks.create_task(self._issuer_keys.run(self.snapshots.ready)),
                tasks.create_task(self._modules.run(self.snapshots.ready)),
                tasks.create_task(self._statuses.run(self.snapshots.ready)),
            )
            await stop.wait()
            self._rest.cancel()
            for task in background:
                task.cancel()

    async def stop(self) -> None:
        self.registering.end()
        await self.server.stop()
        self._accepted.close()
        self._telemetry.stop()

    async def _follow(self, tasks: asyncio.TaskGroup) -> None:
        """The way of every change: files, engine, proxies."""
        settings = self.settings
        gc.disable()  # until the first load is done: what it makes stays
        batches = followed(
            partial(
                changes,
                settings.config,
                environment=settings.environment,
                secrets=settings.secrets,
            )
        )
        async for batch in batches:
            is_first = not self.snapshots.ready.is_set()
            with self._steps.contained("applying changed files", "the edit is not applied"):
                await self._take(tasks, batch)
            if is_first:
                self.connected_services.check()

    async def _take(self, tasks: asyncio.TaskGroup, batch: Batch) -> None:
        began = time.perf_counter()
        changed = [(changed.path, changed.text) for changed in batch]
        ahead = await read_ahead(self.engine.readings(changed))
        is_first = not self.snapshots.ready.is_set()
        self._telemetry.begin(began)
        if is_first:
            edit = self.engine.load(changed, ahead)
            await self.connected_services.look_up()
        else:
            edit = self.engine.apply_whole(changed, time.monotonic(), self._clock(), ahead)
        edit = self._with_connected(edit)
        self._serve(tasks, edit, began)
        if is_first:
            gc.freeze()
            # Streams make garbage that reference counting frees at once.
            gc.set_threshold(50_000, 20, 50)
            gc.enable()

    def _with_connected(self, edit: Edit) -> Edit:
        """``edit`` with what it changes of objects that no file declares."""
        with self._steps.contained("connecting services", "they stay where they were"):
            self.registering.workloads.edited(edit)
            changes = [*self.connected_services.changes(), *self.registering.workloads.changes()]
            if changes:
                return edit.followed_by(self.engine.apply(changes))
        return edit

    async def _follow_names(self, tasks: asyncio.TaskGroup) -> None:
        await self.snapshots.ready.wait()
        async for _ in self.connected_services.moves():
            with self._steps.contained("resolving services", "they stay where they were"):
                self._connect(tasks)

    def _connect(self, tasks: asyncio.TaskGroup) -> None:
        """Serve connected services where DNS says that they are now."""
        began, changes = time.perf_counter(), self.connected_services.changes()
        if changes:
            self._telemetry.begin(began)
            self._serve(tasks, self.engine.apply(changes), began)

    def _let_go(self, tasks: asyncio.TaskGroup, keys: frozenset[ObjectKey]) -> None:
        began = time.perf_counter()
        self._telemetry.begin(began)
        with self._steps.contained(
            "ending the wait for a counterpart", "the objects wait for the next edit"
        ):
            self._serve(tasks, self.engine.let_go(keys), began)

    def confirm_removal(self) -> tuple[ObjectKey, ...]:
        """Remove the objects whose removal is held; gives them."""
        began = time.perf_counter()
        self._telemetry.begin(began)
        edit = self.engine.confirm_removal()
        if edit.removed and self._tasks is not None:
            self._serve(self._tasks, edit, began)
        return edit.removed

    def _serve(self, tasks: asyncio.TaskGroup, edit: Edit, began: float) -> None:
        """Publish an edit. What waits for the rest of its change is reported when that arrives."""
        assert self._rest is not None, "edits come after the start"
        waited = self._rest.edited(self.engine.waiting)
        self.registering.workloads.edited(edit)
        taken = self._publish(edit, began, waited)
        asyncio.get_running_loop().call_soon(self._telemetry.taken, taken)  # when sent
        if edit or edit.refused or edit.held or not self.engine.waiting:
            tasks.create_task(self._after(taken))

    async def follow_mesh(self, tasks: asyncio.TaskGroup) -> None:
        """Apply the MeshConfig again when its file changes, except trust domain and root namespace,
        which tokens and certificates were made with. An edit waits for the first load: before it no
        proxy is answered.
        """
        file = self.settings.mesh_file
        if file is None:
            return
        batches = followed(partial(changes, (file,), environment=self.settings.environment))
        await anext(batches)  # what was read at the start
        await self.snapshots.ready.wait()
        async for batch in batches:
            for changed in batch:
                if isinstance(changed.text, bytes):
                    with self._steps.contained("applying MeshConfig", "the edit is not applied"):
                        await self._take_mesh(tasks, changed.path, changed.text)

    async def _take_mesh(self, tasks: asyncio.TaskGroup, file: Path, text: bytes) -> None:
        began = time.perf_counter()
        read = partial(mesh_file, file, text.decode(errors="replace"))
        taken = await off_the_loop(read, size=len(text))
        self._telemetry.begin(began)
        revision = self.engine.take_mesh(taken)
        edit = Edit(revision=revision, paths=(file,), put=(MESH_CONFIG_KEY,))
        tasks.create_task(self._after(self._publish(edit, began)))

    def _bring(self, revision: int) -> None:
        """Publish what no file changed: workloads that came or went, keys of issuers; what is wrong
        by that is noticed.
        """
        self._issuer_keys.look()  # one may be among the workloads
        self.metrics.triggered("proxy")
        self._modules.look()
        self.server.publish(revision)
        self.server.proxies_changed.set()

    def _publish(self, edit: Edit, began: float, waited: timedelta | None = None) -> Taken:
        """Give an edit to the proxies that it concerns."""
        affected = 0
        is_first, keys = not self.snapshots.ready.is_set(), (*edit.put, *edit.removed)
        if is_first or any(key.kind == SECRET and key.name == CA_SECRET for key in keys):
            with self._steps.contained("plugging in the CA", "the previous CA signs"):
                self._mesh_trust.plug_in(self.engine, self.server.connections)
                self.server.rotate()
        self.snapshots.ready.set()
        self._issuer_keys.look()
        self.metrics.triggered("global" if MESH_CONFIG_KEY in keys else "config")
        self._modules.look()
        with self._steps.contained("publishing", "proxies keep their configuration"):
            affected = self.server.publish(edit.revision)
        stages = self._telemetry.stages()
        with self._steps.contained("telling runners", "they run what they have"):
            self.runners.edited({key.kind for key in keys})
        log_faults(self.engine.take_faults())
        computed = timedelta(seconds=time.perf_counter() - began)
        connected = len(self.server.connections)
        trace = self._telemetry.new_trace()
        return Taken(edit, began, computed, connected, affected, waited, is_first, stages, trace)

    async def _after(self, taken: Taken) -> None:
        acknowledged: timedelta | None = None
        with self._steps.contained("waiting for proxies", "the edit is reported without waiting"):
            acknowledged = await self._reports.acknowledged(taken.edit, taken.began)
        with self._steps.contained("reporting an edit", "it is not reported"):
            await self._reports.analysed()
            self._reports.report(taken, acknowledged)
        log_faults(self.engine.take_faults())
        with self._steps.contained("storing accepted objects", "a restart will not have them"):
            await self._accepted.keep(self.engine.accepted)
            if taken.is_first:
                await self._accepted.forget_others(self.engine.claimed())

    async def _keep_house(self) -> None:
        """Renew certificates that are due, and forget what is no longer needed. The state is first:
        a change of roots waits for answers to renewals, which those of this turn do not have yet.
        """
        while True:
            await asyncio.sleep(HOUSEKEEPING)
            with self._steps.contained("looking after the state", "it may lack what was deleted"):
                await self.look_after_state()
            with self._steps.contained("renewing certificates", "proxies keep their current ones"):
                await self._mesh_trust.renew(self.server.connections.proxies)
                self.server.rotate()
            with self._steps.contained("looking after runners", "their gateways' tokens get older"):
                self.runners.keep_house()
            with self._steps.contained("forgetting", "memory is freed later"):
                self.snapshots.retain(self.server.connections.proxies)
            log_faults(self.engine.take_faults())

    async def _keep_time(self) -> None:
        """Advance the graph's clock once an hour, and in the second in which a certificate becomes
        valid or expires.
        """
        calendar = Calendar(self.engine, self._clock, self._inventory.next_change)
        while True:
            with self._steps.contained(
                "advancing the clock", "validity of certificates is not rechecked"
            ):
                if (now := calendar.moment()) is not None:
                    self.server.publish(self.engine.set_clock(now))
                    await self._reports.notice()
            log_faults(self.engine.take_faults())
            await asyncio.sleep(calendar.pause)

    async def look_after_state(self) -> None:
        """Write again what was deleted from the state directory, and what could not be written."""
        if self.snapshots.ready.is_set():
            self._keeper.keep(self._mesh_trust.advance(self.server.connections))
        await asyncio.to_thread(self._keeper.look, self._clock())
        if self.snapshots.ready.is_set():
            await self._accepted.keep(self.engine.accepted)

    @property
    def trusted(self) -> tuple[x509.Certificate, ...]:
        """The root certificates of the authority in the state directory."""
        return self._trust.own_roots

    def _authenticate(self, metadata: Mapping[str, str]) -> Bearer | None:
        try:
            return self._trust.authenticate(metadata)
        except TokenRefused:
            self.metrics.token_refused()
            raise
