"""A WorkloadEntry, alone, inline in a ServiceEntry or behind a Service, becomes an endpoint of one
port.

Source: https://istio.io/latest/docs/reference/config/networking/workload-entry/
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from controlplane.base.names import Namespace
from controlplane.kinds.core.workload_template import WorkloadTemplate
from controlplane.kinds.istio.workload_entry import WorkloadEntry
from controlplane.kinds.object import Object
from controlplane.model.endpoint import (
    NETWORK_LABEL,
    UNIX,
    Endpoint,
    locality_of_labels,
    locality_of_text,
)
from controlplane.model.proxy import Labels, labels_of

TLS_MODE_LABEL: Final = "security.istio.io/tlsMode"
MUTUAL: Final = "istio"
NO_MUTUAL: Final = "disabled"
REGISTERED: Final = "controlplane/registered"
"""An annotation of the WorkloadEntries of workloads that registered themselves."""
OF_GROUP: Final = "istio.io/autoRegistrationGroup"  # Istio's annotation
HEALTH_CHECKS: Final = "proxy.istio.io/health-checks-enabled"
TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})  # Go, strconv.ParseBool


def workload_labels(declared: Object[WorkloadEntry]) -> Labels:
    """The labels of ``metadata`` win over those of ``spec``."""
    return labels_of(dict(declared.spec.labels) | dict(declared.labels))


def template_labels(declared: Object[WorkloadTemplate]) -> Labels:
    """The labels of the Pods that a Deployment or its like makes; one that is no text is none."""
    written = declared.spec.template.metadata.labels.items()
    return labels_of({name: value for name, value in written if isinstance(value, str)})


def endpoint(
    entry: WorkloadEntry,
    namespace: Namespace,
    port_name: str,
    target: int,
    labels: Labels | None = None,
    workload: str = "",
) -> Endpoint:
    """The endpoint that ``entry`` is for a service port; its own ``ports`` win over ``target``.
    ``workload`` is its name, where it has one.
    """
    own = labels_of(dict(entry.labels)) if labels is None else labels
    is_pipe = entry.address.startswith(UNIX)
    return Endpoint(
        address=entry.address,
        port=0 if is_pipe else entry.ports.get(port_name, target),
        labels=own,
        locality=locality_of_text(entry.locality) if entry.locality else locality_of_labels(own),
        network=entry.network or dict(own).get(NETWORK_LABEL, ""),
        weight=entry.weight or 1,
        takes_mutual_tls=takes_mutual_tls(dict(own), entry.service_account),
        account=f"{namespace}/{entry.service_account}" if entry.service_account else None,
        workload=f"{namespace}/{workload}",
    )


def workload_name(declared: Object[WorkloadEntry]) -> str:
    """The WorkloadGroup that it registered with, else its own name."""
    return declared.annotations.get(OF_GROUP) or declared.name


def is_usable(declared: Object[WorkloadEntry]) -> bool:
    """Whether it is an endpoint at all: with health checks, only once it was found healthy. One
    that registered itself is one that is not ready meanwhile.
    """
    return is_ready(declared) or REGISTERED in declared.annotations


def is_ready(declared: Object[WorkloadEntry]) -> bool:
    """Whether it may get traffic."""
    checked = declared.annotations.get(HEALTH_CHECKS, "") in TRUE
    return declared.is_healthy is True or not checked


def as_it_is(endpoint: Endpoint, declared: Object[WorkloadEntry]) -> Endpoint:
    """``endpoint``, which callers do not choose while the workload is not ready."""
    return endpoint if is_ready(declared) else replace(endpoint, is_ready=False)


def takes_mutual_tls(labels: Mapping[str, str], service_account: str) -> bool:
    """Whether a workload takes the mesh's mutual TLS: its label says so, else having an account
    does.
    """
    mode = labels.get(TLS_MODE_LABEL)
    return mode == MUTUAL if mode is not None else bool(service_account)
