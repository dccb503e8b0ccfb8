"""``controlplane up`` as a person lives with it: a folder, a terminal, real Envoys."""

import base64
import os
import re
import signal
import socket
import subprocess
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.support.client import send
from tests.support.envoy import envoy_binary
from tests.support.mesh import CONTROLPLANE
from tests.support.network import can_isolate, own_network
from tests.support.process import Running, eventually
from tests.support.upstream import running_upstreams

pytestmark = pytest.mark.envoy

GATEWAY = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: ["*.example"]
  - port: {number: 8443, name: https, protocol: HTTPS}
    hosts: [shop.example]
    tls: {mode: SIMPLE, credentialName: shop}
"""
ROUTES = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: shop}
spec:
  hosts: [shop.example]
  gateways: [front]
  http:
  - route:
    - destination: {host: blue.shop.svc.cluster.local}
"""
SERVICE = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: shop}}
spec:
  hosts: [{name}.shop.svc.cluster.local]
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  resolution: STATIC
  endpoints: [{{address: 127.0.0.1, ports: {{http: {port}}}}}]
---
"""
ANOTHER = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: another, namespace: shop}
spec:
  selector: {app: another}
  servers:
  - port: {number: 8082, name: http, protocol: HTTP}
    hosts: [another.example]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: another, namespace: shop}
spec:
  hosts: [another.example]
  gateways: [another]
  http:
  - directResponse: {status: 200}
"""


class Up:
    """A running ``up``, its folder, and what it has printed since the last look."""

    def __init__(self, process: Running, config: Path) -> None:
        self.process = process
        self.config = config
        self._seen = 0

    def write(self, name: str, text: str) -> None:
        draft = self.config / f".{name}.new"
        draft.write_text(text, encoding="utf-8")
        draft.rename(self.config / name)

    def prints(self, pattern: str) -> str:
        """Wait until it has printed a match, and return all from the last one on up to it."""
        found: list[str] = []

        def printed() -> bool:
            news = self.process.log.read_bytes()[self._seen :].decode()
            match = re.search(pattern, news, re.MULTILINE)
            if match is not None:
                found.append(news[: match.end()])
            return match is not None

        self.process.eventually(f"it prints {pattern!r}", printed, within=20)
        self._seen += len(found[0].encode())
        return found[0]

    def envoys(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]


@contextmanager
def running_up(folder: Path, *options: str, before: Sequence[str] = ()) -> Iterator[Up]:
    envoy_binary()
    config, state = folder / "mesh", folder / "state"
    config.mkdir(exist_ok=True)
    command = [*before, *CONTROLPLANE, "up", "--config", str(config), "--state", str(state)]
    command += options
    with Running(command, folder / "up.log") as process:
        up = Up(process, config)
        up.prints(r"^loaded in .*$")
        yield up


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, network: None) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("up")
    config = folder / "mesh"
    config.mkdir()
    with running_upstreams() as upstreams:
        services = "".join(
            SERVICE.format(name=name, port=upstreams.add(name, "127.0.0.1"))
            for name in ("blue", "green")
        )
        (config / "services.yaml").write_text(services)
        (config / "gateway.yaml").write_text(GATEWAY)
        (config / "routes.yaml").write_text(ROUTES)
        command = [*CONTROLPLANE, "cert", "shop.example", "--secret", "istio-system/shop"]
        command += ["--state", str(folder / "state")]
        secret = subprocess.run(command, check=True, capture_output=True).stdout
        (config / "secret.yaml").write_bytes(secret)
        with running_up(folder) as running:
            yield running


def shop() -> object:
    return send("http://shop.example:8080/", address="127.0.0.1").upstream


@pytest.fixture(scope="module")
def commands(up: Up) -> list[str]:
    printed = up.prints(r"^  curl --cacert .*$")
    return [line.strip() for line in printed.splitlines() if line.startswith("  curl ")]


def test_the_commands_that_it_prints_work_when_they_are_pasted(commands: list[str]) -> None:
    answers = [
        subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
        for command in commands
    ]

    assert len(commands) == 2
    assert all('"name": "blue"' in answer for answer in answers)


def test_an_edit_is_reported_in_one_line(up: Up, commands: list[str]) -> None:
    up.write("routes.yaml", ROUTES.replace("blue", "green"))

    line = up.prints(r"^reloaded in .*$").splitlines()[-1]

    assert re.fullmatch(r"reloaded in [\d.]+ m?s: ~ VirtualService shop/shop → 1 proxy", line)
    assert shop() == "green"


def test_the_log_of_the_envoy_says_nothing_about_a_good_edit(up: Up, commands: list[str]) -> None:
    log = up.config.parent / "state" / "envoys" / "ingressgateway.istio-system.log"

    up.write("routes.yaml", ROUTES.replace("blue", "green") + "    timeout: 3s\n")
    up.prints(r"^reloaded in .*$")

    assert log.read_text() == ""


def test_an_edit_that_proxies_do_not_see_is_reported_as_such(up: Up, commands: list[str]) -> None:
    up.write("services.yaml", f"# a comment\n{(up.config / 'services.yaml').read_text()}")

    assert "services.yaml, no object changed" in up.prints(r"^reloaded in .*$")


def test_a_mistake_is_shown_at_its_line_and_changes_nothing(up: Up, commands: list[str]) -> None:
    before = shop()

    up.write("routes.yaml", ROUTES.replace("host:", "hots:"))
    shown = up.prints(r"^   hint: .*$")
    up.write("routes.yaml", ROUTES.replace("blue", before))
    fixed = up.prints(r"^fixed CP0201: .*$")

    assert "routes.yaml, its objects stay as they were" in shown
    assert "routes.yaml:9:21: error CP0201: spec.http[0].route[0].destination" in shown
    assert "    9 |     - destination: {hots: blue.shop.svc.cluster.local}\n" in shown
    assert "      |                     ^^^^\n" in shown
    assert 'has no field "hots" (VirtualService shop/shop)' in fixed
    assert shop() == before


def test_status_and_config_tell_what_the_gateway_has(up: Up, commands: list[str]) -> None:
    def shown(*arguments: str) -> tuple[int, str]:
        done = subprocess.run([*CONTROLPLANE, *arguments], capture_output=True, text=True)
        return done.returncode, done.stdout

    up.write("routes.yaml", f"# whatever was there before\n{ROUTES.replace('blue', 'green')}")
    up.prints(r"^reloaded in .*$")
    status, table = shown("status")
    _, routes = shown("config", "ingressgateway", "routes")
    state = str(up.config.parent / "state")
    xds = ("--from-xds", "127.0.0.1:15010", "--state", state)
    _, second_opinion = shown("config", "ingressgateway.istio-system", "routes", *xds)

    assert (status, "5 objects in force" in table) == (0, True)
    host = f"shop.example  {up.config}/routes.yaml:6, {up.config}/gateway.yaml:8\n"
    assert f"{host}      /* → green.shop:80  {up.config}/routes.yaml:9\n" in routes
    assert second_opinion == routes


@pytest.mark.parametrize("read_back", [False, True])
@pytest.mark.parametrize("output", ["short", "json", "yaml"])
def test_no_output_of_config_shows_a_private_key(
    up: Up, commands: list[str], output: str, read_back: bool
) -> None:
    state = str(up.config.parent / "state")
    xds = ("--from-xds", "127.0.0.1:15010", "--state", state) if read_back else ()
    command = [*CONTROLPLANE, "config", "ingressgateway.istio-system", "-o", output, *xds]

    shown = subprocess.run(command, capture_output=True, text=True).stdout

    secret = yaml.safe_load((up.config / "secret.yaml").read_text())
    encoded = secret["data"]["tls.key"]
    assert "kubernetes://shop" in shown
    assert encoded[:80] not in shown
    assert base64.b64decode(encoded).decode().splitlines()[1] not in shown
    assert (output == "short") or "[not shown]" in shown


def test_reading_back_with_the_keys_of_another_directory_says_what_to_pass(
    up: Up, commands: list[str], tmp_path: Path
) -> None:
    command = [*CONTROLPLANE, "config", "ingressgateway", "--from-xds", "127.0.0.1:15010"]
    command += ["--state", str(tmp_path / "other")]

    done = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.splitlines() == [
        f"note: new keys in {tmp_path}/other: a control plane that was started with the same "
        "--state uses them, no other trusts them",
        "error: no xDS server that accepts tokens of this state directory answers at "
        "127.0.0.1:15010",
        "hint: name the --config paths of the control plane, or its --state directory",
    ]


def test_a_port_that_somebody_else_has_is_reported(up: Up, commands: list[str]) -> None:
    with socket.create_server(("0.0.0.0", 8083)):
        up.write("gateway.yaml", GATEWAY.replace("8080", "8083"))
        shown = up.prints(r"^   the port is held by .*$")
    up.write("gateway.yaml", GATEWAY)
    up.prints(r"^fixed: .* no longer rejects listener .*$")

    assert "ingressgateway.istio-system rejects listener 127.0.0.1_8083: " in shown
    assert "cannot bind '127.0.0.1:8083': Address already in use\n" in shown
    assert f"   from {up.config}/gateway.yaml:7 (Gateway shop/front)\n" in shown
    assert f"(pid {os.getpid()})" in shown
    eventually("8080 is served again", lambda: shop() is not None)


def test_a_new_gateway_gets_an_envoy_and_loses_it_when_it_is_gone(
    up: Up, commands: list[str]
) -> None:
    up.write("another.yaml", ANOTHER)
    shown = up.prints(r"^  curl -H 'Host: another.example' .*$")
    running = len(up.envoys())
    answer = send("http://another.example:8082/", address="127.0.0.1")

    (up.config / "another.yaml").unlink()
    up.prints(r"^gateway another.shop is stopped: .*$")

    assert "gateway another.shop  Envoy's admin http://127.0.0.1:" in shown
    assert answer.status == 200
    assert (running, len(up.envoys())) == (2, 1)


def test_an_envoy_that_dies_is_started_again(up: Up, commands: list[str]) -> None:
    (envoy,) = up.envoys()

    os.kill(envoy, signal.SIGKILL)
    shown = up.prints(r"^Envoy ingressgateway.istio-system ended with SIGKILL; .*$")

    assert shown.endswith("; it is restarted in 0.25 s")
    eventually("the gateway answers again", lambda: shop() is not None)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_it_ends(number: signal.Signals, tmp_path: Path) -> None:
    config = tmp_path / "mesh"
    config.mkdir()
    (config / "mesh.yaml").write_text(ANOTHER)
    with own_network(), running_up(tmp_path) as up:
        up.prints(r"^  curl .*$")
        (envoy,) = up.envoys()

        os.kill(up.process.pid, number)

        eventually("it ends", lambda: not up.process.alive(), within=2)
        eventually("its Envoy ends", lambda: not Path(f"/proc/{envoy}/exe").exists(), within=2)


def test_a_root_certificate_that_cannot_be_written_costs_the_check_of_certificates(
    tmp_path: Path,
) -> None:
    config, state = tmp_path / "mesh", tmp_path / "state"
    config.mkdir()
    (config / "gateway.yaml").write_text(GATEWAY)
    (config / "routes.yaml").write_text(ROUTES)
    command = [*CONTROLPLANE, "cert", "shop.example", "--secret", "istio-system/shop"]
    secret = subprocess.run([*command, "--state", str(state)], check=True, capture_output=True)
    (config / "secret.yaml").write_bytes(secret.stdout)
    (state / "root.pem").mkdir()
    with own_network(), running_up(tmp_path) as up:
        shown = up.prints(r"^  curl --insecure .*https://shop.example/.*$")

        assert "event=root_not_written" in shown
        assert "the commands to try do not check certificates" in shown
        assert up.process.terminate() == 0


LOW_PORT = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: low}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: low}
spec:
  hosts: ["*"]
  gateways: [low]
  http: [{directResponse: {status: 200}}]
"""
WITHOUT_LOW_PORTS = ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"]


@pytest.mark.skipif(not can_isolate(), reason="only root may give up a privilege of its own")
def test_a_port_that_may_not_be_opened_is_mapped_by_what_is_printed(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "mesh.yaml").write_text(LOW_PORT)
    with own_network(), running_up(tmp_path, before=WITHOUT_LOW_PORTS) as up:
        shown = up.prints(r"^ +ports: .*$")
        assert "nothing to try yet: it rejects its listeners" in shown
        assert "cannot bind '127.0.0.1:80': Permission denied" in shown
        assert "put this into the configuration, and 80 is served on 8080:" in shown

        up.write("service.yaml", textwrap.dedent(shown[shown.index("      apiVersion: v1") :]))

        up.prints(r"^reloaded in .*$")
        assert send("http://any.example:8080/", address="127.0.0.1").status == 200


@pytest.mark.parametrize(
    ("options", "reached"),
    [((), False), (("--bind=0.0.0.0",), True), (("--bind", "10.1.2.3"), True)],
    ids=["loopback alone", "everywhere", "one address"],
)
def test_others_reach_gateways_only_where_they_are_bound(
    options: tuple[str, ...], reached: bool, tmp_path: Path
) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "mesh.yaml").write_text(LOW_PORT.replace("80", "8080"))
    with own_network():
        subprocess.run(["ip", "address", "add", "10.1.2.3/32", "dev", "lo"], check=True)
        with running_up(tmp_path, *options) as up:
            command = up.prints(r"^  curl .*$").splitlines()[-1].partition("#")[0].split()
            printed = subprocess.run(command, capture_output=True, check=False)
            outside = subprocess.run(
                ["curl", "-sf", "http://10.1.2.3:8080/"], capture_output=True, check=False
            )

            assert (printed.returncode, outside.returncode == 0) == (0, reached)


def test_each_gateway_answers_probes_where_it_says(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "mesh.yaml").write_text(ANOTHER + "---\n" + LOW_PORT)
    with own_network(), running_up(tmp_path) as up:
        shown = up.prints(r"^(.*\n)*  ready (.*\n)*  ready .*$")

    pattern = r"  ready http://127.0.0.1:(\d+)/healthz/ready, metrics http://127.0.0.1:(\d+)/"
    assert re.findall(pattern, shown) == [("15021", "15090"), ("15121", "15190")]


def test_a_gateway_answers_probes_and_nothing_else_there(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "mesh.yaml").write_text(LOW_PORT)
    with own_network(), running_up(tmp_path) as up:
        up.prints(r"^  curl .*$")
        asked = [
            send(f"http://127.0.0.1:{where}", address="127.0.0.1")
            for where in (
                "15021/healthz/ready",
                "15090/stats/prometheus",
                "15021/quitquitquit",
                "15090/config_dump",
                "15021/ready",
            )
        ]

        assert [answer.status for answer in asked] == [200, 200, 404, 404, 404]
        assert b"envoy_server_live" in asked[1].body
        assert up.process.alive()


def test_a_second_up_says_who_has_the_directory_and_starts_no_envoy(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh" / "mesh.yaml").write_text(ANOTHER)
    with own_network(), running_up(tmp_path) as up:
        up.prints(r"^  curl .*$")
        command = [*CONTROLPLANE, "up", "--config", str(up.config), "--state"]
        second = subprocess.run(
            [*command, str(tmp_path / "state")], capture_output=True, text=True, timeout=30
        )

        assert (second.returncode, second.stdout) == (3, "")
        assert f"is in use by controlplane up --config {up.config} " in second.stderr
        assert f"(pid {up.process.pid}), since " in second.stderr
        assert len(up.envoys()) == 1
