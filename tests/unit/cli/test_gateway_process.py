"""How a gateway of a runner is started, as the ProxyConfig that it was sent says."""

from datetime import timedelta
from pathlib import Path

from controlplane.base.addresses import Address
from controlplane.base.names import Namespace
from controlplane.cli.envoy_processes import command
from controlplane.cli.gateway_process import gateway_process
from controlplane.cli.gateway_runner import Here, gateway_bootstrap, gateway_start
from controlplane.envoy.gateway_proxies import RunnableGateway
from controlplane.model.proxy_start import ProxyStart

HERE = Here(
    xds=Address("127.0.0.1", 15010),
    bind="127.0.0.1",
    address="10.0.0.7",
    folder=Path("none"),
    concurrency=2,
)
SAID = (
    '{"concurrency":3,"drainDuration":"9s","terminationDrainDuration":"1s","statusPort":15920,'
    '"proxyAdminPort":15910,"meshId":"m","proxyMetadata":{"REGION":"eu"}}'
)


def runnable(proxy_config: str) -> RunnableGateway:
    return RunnableGateway(
        name="front",
        namespace=Namespace("shop"),
        service_account="front",
        labels=(),
        address="",
        token="",
        root_certificate="",
        server_name="",
        proxy_config=proxy_config,
    )


def test_a_runner_starts_a_gateway_as_its_proxy_config_says(tmp_path: Path) -> None:
    gateway = runnable(SAID)
    process = gateway_process(str(gateway), tmp_path, (), gateway_start(gateway))
    launch = process.launch({}, HERE.concurrency)
    document = gateway_bootstrap(gateway, process, HERE)
    words = command(Path("envoy"), launch)

    assert words[words.index("--concurrency") + 1] == "3"
    assert words[words.index("--drain-time-s") + 1] == "9"
    assert launch.start.environment == (("REGION", "eu"),)
    assert (process.admin_port, process.status_port) == (15910, 15920)
    assert process.drain_time == timedelta(seconds=1)
    node = document["node"]
    assert isinstance(node, dict)
    assert node["metadata"]["MESH_ID"] == "m"


def test_without_one_the_runner_says_how_many_threads(tmp_path: Path) -> None:
    gateway = runnable("")
    start = gateway_start(gateway)
    process = gateway_process(str(gateway), tmp_path, (), start)
    words = command(Path("envoy"), process.launch({}, HERE.concurrency))

    assert start == ProxyStart()
    assert words[words.index("--concurrency") + 1] == "2"
    assert process.drain_time == timedelta(seconds=45)
