"""What becomes of a WorkloadGroup: the entries of its workloads, and how they are probed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import indent

import pytest

from controlplane.base.names import Namespace, ObjectKey
from controlplane.engine.engine import Engine
from controlplane.kinds.istio.mesh_config import MeshConfig
from controlplane.kinds.istio.workload_entry import WORKLOAD_ENTRY, WorkloadEntry
from controlplane.kinds.istio.workload_group import WORKLOAD_GROUP, WorkloadGroup
from controlplane.kinds.object import Object
from controlplane.model.proxy import NOWHERE, Locality, Role
from controlplane.model.registration import Claim, WorkloadId
from controlplane.translate.istio.workload_group import entry_of, entry_text
from controlplane.translate.istio.workload_probe import probe_of

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
SHOP = Namespace("shop")
GROUP = """\
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: cart-v1, namespace: shop}
spec:
"""


def group(spec: str) -> tuple[Engine, Object[WorkloadGroup]]:
    engine = Engine(MeshConfig(), now=NOON)
    engine.apply([(Path("group.yaml"), GROUP + indent(spec, "  "))])
    found = engine.object(ObjectKey(WORKLOAD_GROUP, SHOP, "cart-v1"))
    assert found is not None, engine.diagnostics()
    return engine, found


def entry(
    spec: str, *, role: Role = Role.SIDECAR, locality: Locality = NOWHERE, is_ready: bool = True
) -> Object[WorkloadEntry]:
    """The entry of a workload at 10.0.0.7, as the engine takes it."""
    engine, declared = group(spec)
    claim = Claim(
        id=WorkloadId(namespace=SHOP, group="cart-v1", address="10.0.0.7", is_proven=True),
        service_account="default",
        role=role,
        peer="10.0.0.7",
        locality=locality,
    )
    engine.apply([(Path("entry"), entry_text(claim, declared, is_ready=is_ready))])
    found = engine.object(ObjectKey(WORKLOAD_ENTRY, SHOP, "cart-v1-10-0-0-7"))
    assert found is not None, engine.diagnostics()
    assert engine.diagnostics() == []
    return found


def test_an_entry_has_what_the_template_says() -> None:
    made = entry(
        "template: {ports: {http: 8080}, network: east, weight: 3, labels: {app: cart}}",
        locality=Locality("west", "a"),
    )

    assert made.spec == WorkloadEntry(
        address="10.0.0.7",
        ports={"http": 8080},
        network="east",
        locality="west/a",
        weight=3,
        service_account="default",
    )
    assert (dict(made.labels), made.is_healthy) == ({"app": "cart"}, True)
    assert made.annotations["istio.io/autoRegistrationGroup"] == "cart-v1"


def test_a_locality_is_the_templates_where_the_node_says_none() -> None:
    assert entry("template: {locality: west/b}").spec.locality == "west/b"


def test_labels_of_the_metadata_win_over_those_of_the_template() -> None:
    made = entry(
        "metadata: {labels: {app: cart, version: v1}, annotations: {owner: us}}\n"
        "template: {labels: {version: v0, track: stable}}"
    )

    assert dict(made.labels) == {"app": "cart", "version": "v1", "track": "stable"}
    assert made.annotations["owner"] == "us"


def test_a_gateway_says_that_it_takes_no_mutual_tls() -> None:
    made = entry("template: {}", role=Role.GATEWAY)

    assert dict(made.labels) == {"security.istio.io/tlsMode": "disabled"}


@pytest.mark.parametrize(
    ("group_", "address", "name"),
    [
        ("cart-v1", "172.18.0.7", "cart-v1-172-18-0-7"),
        ("cart-v1", "fd00::7", "cart-v1-fd00--7"),
        ("cart-v1", "fd00::", "cart-v1-fd00--0"),
    ],
)
def test_an_entry_is_named_after_group_and_address(group_: str, address: str, name: str) -> None:
    id_ = WorkloadId(namespace=SHOP, group=group_, address=address, is_proven=True)

    assert entry_of(id_).name == name


def test_a_name_that_would_be_too_long_ends_with_a_hash() -> None:
    names = {
        entry_of(WorkloadId(namespace=SHOP, group="x" * 250, address=address, is_proven=True)).name
        for address in ("10.0.0.7", "10.0.0.8")
    }

    assert {len(name) for name in names} == {253}
    assert len(names) == 2


def test_unset_numbers_of_a_probe_are_those_of_kubernetes() -> None:
    _, declared = group("template: {}\nprobe: {tcpSocket: {port: 80}}")
    probe = probe_of(declared.spec)

    assert probe is not None
    assert (probe.address, probe.port, probe.request) == ("127.0.0.1", 80, None)
    assert (probe.delay, probe.period, probe.timeout) == (
        timedelta(0),
        timedelta(seconds=10),
        timedelta(seconds=1),
    )
    assert (probe.successes, probe.failures) == (1, 3)


@pytest.mark.parametrize(
    ("probe", "place"),
    [
        ("exec: {command: [cat, /healthy]}", "exec"),
        ("httpGet: {port: 80, host: cart.example}", "httpGet.host"),
        ("tcpSocket: {port: 80, host: cart.example}", "tcpSocket.host"),
    ],
)
def test_a_probe_that_envoys_do_not_make_is_reported(probe: str, place: str) -> None:
    engine, declared = group(f"template: {{}}\nprobe: {{{probe}}}")
    engine.analyse()

    [found] = engine.diagnostics()
    assert (found.code.id, str(found.place)) == (
        "CP0643",
        f"WorkloadGroup/shop/cart-v1.spec.probe.{place}",
    )
    assert probe_of(declared.spec) is None


def test_a_group_whose_fields_all_have_an_effect_has_nothing_to_report() -> None:
    engine, _ = group(
        "metadata: {labels: {app: cart}, annotations: {owner: us}}\n"
        "template: {ports: {http: 80}, serviceAccount: cart, weight: 2, locality: a,"
        " network: east}\n"
        "probe: {httpGet: {port: 80, path: /, scheme: HTTPS, httpHeaders: [{name: a, value: b}]},"
        " initialDelaySeconds: 1, timeoutSeconds: 1, periodSeconds: 1, successThreshold: 1,"
        " failureThreshold: 1}"
    )
    engine.analyse()

    assert engine.diagnostics() == []
