"""What a Gateway says of its proxy: annotations that Istio's Pods would have."""

from controlplane.base.codes import NO_EFFECT
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.wording import listed
from controlplane.kinds.gateway_api.gateway import KubernetesGateway
from controlplane.kinds.istio.proxy_config import ANNOTATION
from controlplane.kinds.proxy_config import check_annotation
from controlplane.kinds.proxy_statistics import STATISTICS
from controlplane.kinds.validation.checks import About
from controlplane.kinds.validation.gateway_api.admission import gateway_api


def kubernetes_gateway(report: Report, at: FieldRef, spec: KubernetesGateway, about: About) -> None:
    gateway_api(report, at, spec, about)
    annotations = spec.infrastructure.annotations if spec.infrastructure is not None else {}
    place = at / "infrastructure" / "annotations"
    check_annotation(report, place, annotations)
    others = [name for name in annotations if name not in (ANNOTATION, *STATISTICS)]
    if others:
        message = (
            f"of the annotations {listed(others)} nothing comes: there is no object of Kubernetes "
            "that would have them, only a proxy"
        )
        report.add(NO_EFFECT, (place / others[0]).key, message)
