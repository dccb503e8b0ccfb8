"""Whether the secrets that a DestinationRule names for upstream TLS exist where gateways are."""

from controlplane.base.diagnostics import Diagnostics, Report
from controlplane.base.locations import FieldRef
from controlplane.base.names import Namespace
from controlplane.graph import Graph, derived
from controlplane.kinds.istio.destination_rule import DestinationRule, DestinationRuleKey
from controlplane.kinds.istio.traffic_policy import ClientTls, ClientTlsMode
from controlplane.kinds.object import Object
from controlplane.model.tls import CA_SUFFIX, secret_name
from controlplane.queries.analysis.homes import Homes
from controlplane.queries.analysis.secrets import found_credentials
from controlplane.queries.inputs.connected_gateways import connected_gateways
from controlplane.queries.inputs.mesh import mesh_config
from controlplane.queries.inputs.objects import object_of
from controlplane.translate.istio.client_tls import tls_settings

_ORIGINATES = (ClientTlsMode.SIMPLE, ClientTlsMode.MUTUAL)


@derived
def destination_rule_secret_diagnostics(graph: Graph, key: DestinationRuleKey) -> Diagnostics:
    """The secrets that no gateway would find, or that cannot be served.

    Runs again when the rule changes, a secret that it names, or where gateways are connected.
    """
    rule = object_of(graph, key)
    if rule is None:
        return ()
    report = Report()
    for place, tls in tls_settings(rule):
        if tls.credential_name and tls.mode in _ORIGINATES:
            _check(graph, report, _homes(graph, key.namespace), place / "credentialName", tls, rule)
    return tuple(report)


def _check(
    graph: Graph,
    report: Report,
    homes: Homes,
    place: FieldRef,
    tls: ClientTls,
    rule: Object[DestinationRule],
) -> None:
    """The client's certificate (MUTUAL), and the authorities unless nothing is verified."""
    consequence = f"gateways get 503 for {rule.spec.host}"
    name = secret_name(tls.credential_name)
    if tls.mode is ClientTlsMode.MUTUAL and not found_credentials(
        graph, report, homes, place, name, consequence=consequence
    ):
        return
    if not tls.insecure_skip_verify:
        trust = name if name.startswith("configmap://") else f"{name}{CA_SUFFIX}"
        found_credentials(graph, report, homes, place, trust, consequence=consequence)


def _homes(graph: Graph, own: Namespace) -> Homes:
    """Any gateway may be meant, so it is enough that one has the secret."""
    connected = {proxy.namespace for proxy in connected_gateways(graph)}
    if connected:
        return Homes(namespaces=tuple(sorted(connected)), certain=True)
    root = Namespace(mesh_config(graph).root_namespace)
    return Homes(namespaces=tuple(dict.fromkeys((own, root))), certain=False)
