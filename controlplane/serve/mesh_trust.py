"""The certificates of workloads: who signs them, whom they trust, when they are renewed."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import structlog

from controlplane.base.errors import KeyUnusable
from controlplane.base.names import Namespace, ObjectKey
from controlplane.engine.engine import Engine
from controlplane.envoy.resource import Resource
from controlplane.identity.authority import Authority
from controlplane.identity.identity import Identity
from controlplane.identity.mesh_authority import (
    ANNOUNCED,
    INTERMEDIATE,
    ROOT,
    is_due,
    kept_mesh_authority,
    renew_intermediate,
)
from controlplane.identity.plugged_ca import plugged_in
from controlplane.identity.workload import WorkloadSecrets
from controlplane.kinds.core.configuration import SECRET
from controlplane.model.proxy import Proxy
from controlplane.serve.settings import Settings
from controlplane.translate.kubernetes.secret_replacement import secret_files

CA_SECRET: Final = "cacerts"  # Istio's name of the Secret that plugs a CA in

log = structlog.stdlib.get_logger("serve")


class MeshTrust:
    """The mesh's authority and what it vouches for. Raises ``KeyUnusable`` when it cannot."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._settings = settings
        self._clock = clock
        self._area = settings.state.authority
        self._own = kept_mesh_authority(self._area, clock())
        self._plugged: Authority | None = None
        self._secrets = WorkloadSecrets(self._own, life=settings.workload_life)
        self._said = timedelta.max

    @property
    def authority(self) -> Authority:
        """What signs, and is trusted."""
        return self._plugged or self._own

    @property
    def root_expires(self) -> datetime:
        """When the first root that is trusted does."""
        return min(root.not_valid_after_utc for root in self.authority.roots)

    def own_secrets(self, proxy: Proxy) -> Mapping[str, Resource]:
        """A proxy's own certificate and the roots that it trusts; these alone where none can be
        signed.
        """
        try:
            return self._secrets.secrets(self._identity(proxy), self._clock()).resources
        except KeyUnusable as fault:
            log.error("certificate_not_signed", proxy=proxy.name, reason=fault.message)
            return self._secrets.trusted

    async def renew(self, proxies: Iterable[Proxy]) -> None:
        """Renew what is due of the connected ``proxies``, a part of it in each turn of the loop."""
        in_use = dict.fromkeys(map(self._identity, proxies))
        while self._secrets.renew(in_use, self._clock()):
            await asyncio.sleep(0)
        self._secrets.forget_expired(self._clock(), in_use)

    def renew_intermediate(self) -> Mapping[str, bytes]:
        """Renew the mesh's own intermediate authority when half of its life is over, or say how
        long it lasts where its root is elsewhere; gives the file that is new.
        """
        now = self._clock()
        if not is_due(self._own, now):
            return {}
        renewed = renew_intermediate(self._area, self._own, now)
        if renewed is None:
            self._announce_end(self._own.certificate.not_valid_after_utc - now)
            return {}
        self._own = renewed
        self._sign()
        end = renewed.certificate.not_valid_after_utc
        log.info("intermediate_renewed", until=f"{end:%Y-%m-%d}")
        return {INTERMEDIATE: self._area.content(INTERMEDIATE) or b""}

    def plug_in(self, engine: Engine) -> None:
        """Sign workload certificates with the CA of the Secret ``cacerts``, where there is a valid
        one, else with the mesh's own.
        """
        root = Namespace(self._settings.mesh.root_namespace)
        name = f"{root}/{CA_SECRET}"
        secret = engine.object(ObjectKey(SECRET, root, CA_SECRET))
        if secret is None:
            self._plugged = None
        else:
            try:
                self._plugged = plugged_in(secret_files(secret.spec), self._clock())
            except KeyUnusable as fault:
                log.error("ca_not_plugged_in", secret=name, reason=fault.message, hint=fault.hint)
                return
            log.info("ca_plugged_in", secret=name)
        self._sign()

    def _sign(self) -> None:
        self._secrets.sign_with(self.authority)

    def _announce_end(self, left: timedelta) -> None:
        due = next((time for time in ANNOUNCED if left <= time), timedelta.max)
        if due < self._said:
            hint = f"put {ROOT} back into {self._area.path}: it signs a new one"
            log.error("intermediate_not_renewed", days_left=left.days, hint=hint)
        self._said = due

    def _identity(self, proxy: Proxy) -> Identity:
        return Identity(
            trust_domain=self._settings.mesh.trust_domain,
            namespace=proxy.namespace,
            service_account=proxy.service_account,
            role=proxy.role,
        )
