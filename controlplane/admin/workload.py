"""What the admin interface shows of one workload with a sidecar: ``/api/v1/workload/PROXY``."""

from collections.abc import Mapping
from datetime import datetime

from controlplane.admin.view import ConfigResource, DeclaredObject, IdlePatch, Origin, View


class ServedPort(View, frozen=True):
    """A port of a service that leads to the workload, and where the service is declared."""

    host: str
    port: int
    protocol: str
    declared: DeclaredObject


class WorkloadPort(View, frozen=True):
    """A port of the workload: what it accepts (``STRICT``), the field that decides it, where there
    is one, and the services that lead there.
    """

    port: int
    mtls: str
    decided_by: Origin | None
    services: tuple[ServedPort, ...]


class Observed(View, frozen=True):
    """What is recorded of the calls of one side (``calls in``): where logs go, which metrics are
    counted, and to whom spans are sent.
    """

    calls: str
    logs: tuple[str, ...]
    metrics: str
    spans: str


class Applied(View, frozen=True):
    """What is attached to the workload, and what of it is in force, in words."""

    declared: DeclaredObject
    says: tuple[str, ...]


class Workload(View, frozen=True):
    """A workload with a sidecar, as ``describe`` shows it.

    ``group``: the WorkloadGroup that registered it. ``declared``: what says its labels; ``None``
    for those of its node. ``sidecar``: the Sidecar
    that applies, ``imports`` what it imports, as it is written; without one everything is.
    ``unknown``: what becomes of calls to other hosts. ``mtls``: what ports accept that are none of
    ``ports``. ``inbound``: the listeners for calls of the workload. ``rules_in`` bear on calls of
    it, ``rules_out`` on its own, where they are declared. ``idle_patches`` are attached to its
    sidecar and find nothing in what that is sent. ``observed`` is what comes of ``telemetries``
    and MeshConfig.
    """

    proxy: str
    group: DeclaredObject | None
    declared: DeclaredObject | None
    labels: Mapping[str, str]
    addresses: tuple[str, ...]
    service_account: str
    identity: str
    certificate_ends: datetime | None
    sidecar: DeclaredObject | None
    imports: tuple[str, ...]
    unknown: str
    mtls: str
    mtls_decided_by: Origin | None
    ports: tuple[WorkloadPort, ...]
    inbound: tuple[ConfigResource, ...]
    rules_in: tuple[DeclaredObject, ...]
    rules_out: tuple[DeclaredObject, ...]
    idle_patches: tuple[IdlePatch, ...] = ()
    observed: tuple[Observed, ...] = ()
    telemetries: tuple[Applied, ...] = ()
    extensions: tuple[Applied, ...] = ()
    proxy_configs: tuple[Applied, ...] = ()
