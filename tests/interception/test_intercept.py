"""``envoy/intercept.sh``: which connections reach the sidecar, and which pass."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from samples.bookinfo.network import Host, Network
from tests.support.mesh_network import (
    APPLICATION,
    INTERCEPT,
    PROXY,
    answer,
    intercept,
    listening,
    mesh_network,
    ran,
)

OWN_PORTS = (15001, 15006, 15000, 15020, 15021, 15090)
SAVES = ("iptables-save", "ip6tables-save")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Two hosts with an application each, and what stands for a sidecar; nothing is intercepted
    yet.
    """
    folder = tmp_path_factory.mktemp("hosts")
    with mesh_network() as made:
        here, there = made.add("here"), made.add("there")
        with (
            listening(here, folder, PROXY, *OWN_PORTS),
            listening(here, folder, APPLICATION, 9080, 5432),
            listening(there, folder, APPLICATION, 9080, 5432),
        ):
            yield made


@pytest.fixture
def here(network: Network) -> Host:
    """The host with the rules of no options."""
    host = network.hosts["here"]
    assert intercept(host).returncode == 0
    return host


@pytest.fixture
def there(network: Network) -> Host:
    return network.hosts["there"]


def rules(host: Host) -> list[str]:
    saved = [ran(host, save, "-t", "nat").stdout for save in SAVES]
    return [line for text in saved for line in text.splitlines() if line.startswith("-A")]


def test_what_leaves_goes_to_the_sidecar_which_learns_where_it_was_to_go(
    here: Host, there: Host
) -> None:
    assert answer(here, APPLICATION, there.address, 9080) == f"15001 {there.address}:9080"
    assert answer(here, 0, there.address, 9080) == f"15001 {there.address}:9080"
    assert answer(here, APPLICATION, "192.0.2.1", 80) == "15001 192.0.2.1:80"


def test_what_leaves_by_ipv6_goes_to_the_sidecar_too(here: Host, there: Host) -> None:
    said = answer(here, APPLICATION, there.address_v6, 9080)

    assert said == f"15001 {there.address_v6}:9080"


def test_what_arrives_goes_to_the_sidecar(here: Host, there: Host) -> None:
    assert answer(there, APPLICATION, here.address, 9080) == f"15006 {here.address}:9080"
    assert answer(there, APPLICATION, here.address_v6, 9080) == f"15006 {here.address_v6}:9080"
    assert answer(there, APPLICATION, here.address, 22) == f"15006 {here.address}:22"


@pytest.mark.parametrize("port", [15000, 15020, 15021, 15090])
def test_probes_and_metrics_of_the_sidecar_are_reached_as_they_are(
    here: Host, there: Host, port: int
) -> None:
    assert answer(there, APPLICATION, here.address, port) == f"{port} direct"


def test_the_sidecar_itself_gets_out(here: Host, there: Host) -> None:
    assert answer(here, PROXY, there.address, 9080) == "9080 direct"


def test_loopback_is_the_application_s_own(here: Host) -> None:
    assert answer(here, APPLICATION, "127.0.0.1", 9080) == "9080 direct"
    assert answer(here, PROXY, "127.0.0.1", 9080) == "9080 direct"
    assert answer(here, APPLICATION, here.address, 9080) == "9080 direct"


def test_a_sidecar_that_calls_its_own_address_arrives_at_itself(here: Host) -> None:
    assert answer(here, PROXY, here.address, 9080) == f"15006 {here.address}:9080"
    assert answer(here, PROXY, here.address_v6, 9080) == f"15006 {here.address_v6}:9080"


@pytest.mark.parametrize(("source", "family"), [("127.0.0.6", "-4"), ("::6", "-6")])
def test_what_the_sidecar_hands_on_reaches_the_application(
    here: Host, source: str, family: str
) -> None:
    address = here.address if family == "-4" else f"[{here.address_v6}]"
    curl = ("curl", "-sS", family, "--http0.9", "--interface", source)

    done = ran(here, *curl, f"http://{address}:9080/", uid=PROXY)

    assert done.stdout.startswith("9080 direct"), done.stderr


def test_setting_the_rules_again_changes_nothing(here: Host) -> None:
    before = rules(here)

    assert intercept(here).returncode == 0

    assert rules(here) == before
    assert len([rule for rule in before if rule == "-A OUTPUT -p tcp -j MESH_OUTPUT"]) == 2


def test_exclusions_pass_and_the_rest_does_not(here: Host, there: Host) -> None:
    inbound, outbound = ("--exclude-inbound-ports", "5432,1"), ("--exclude-outbound-ports=5432",)
    assert intercept(here, *inbound, *outbound).returncode == 0

    assert answer(there, 0, here.address, 5432) == "5432 direct"
    assert answer(there, 0, here.address, 9080) == f"15006 {here.address}:9080"
    assert answer(here, APPLICATION, there.address, 5432) == "5432 direct"
    assert answer(here, APPLICATION, there.address, 9080) == f"15001 {there.address}:9080"


@pytest.mark.parametrize("length", [24, 32])
def test_excluded_ranges_of_both_families_pass(here: Host, there: Host, length: int) -> None:
    ranges = f"{there.address}/{length},{there.address_v6}/128"
    assert intercept(here, "--exclude-outbound-ranges", ranges).returncode == 0

    assert answer(here, APPLICATION, there.address, 9080) == "9080 direct"
    assert answer(here, APPLICATION, there.address_v6, 9080) == "9080 direct"
    assert answer(here, APPLICATION, "192.0.2.1", 80) == "15001 192.0.2.1:80"


def test_new_options_replace_the_old_ones(here: Host, there: Host) -> None:
    intercept(here, "--exclude-outbound-ports", "9080")

    intercept(here)

    assert answer(here, APPLICATION, there.address, 9080) == f"15001 {there.address}:9080"


def test_the_sidecar_may_be_another_user(here: Host, there: Host) -> None:
    assert intercept(here, "--uid", "1500").returncode == 0

    assert answer(here, 1500, there.address, 9080) == "9080 direct"
    assert answer(here, PROXY, there.address, 9080) == f"15001 {there.address}:9080"


def test_rules_of_others_stay_before_ours(here: Host) -> None:
    ran(here, "iptables", "-t", "nat", "-I", "OUTPUT", "-d", "127.0.0.11", "-j", "ACCEPT")

    intercept(here)

    outputs = [rule for rule in rules(here) if rule.startswith("-A OUTPUT")]
    ran(here, "iptables", "-t", "nat", "-D", "OUTPUT", "-d", "127.0.0.11", "-j", "ACCEPT")
    assert outputs[:2] == [
        "-A OUTPUT -d 127.0.0.11/32 -j ACCEPT",
        "-A OUTPUT -p tcp -j MESH_OUTPUT",
    ]


def test_udp_is_left_alone(here: Host) -> None:
    assert [rule for rule in rules(here) if "-p udp" in rule] == []


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--exclude-inbound-ports", "80,http"), '--exclude-inbound-ports: "http" is not like'),
        (("--exclude-outbound-ports", "0"), '--exclude-outbound-ports: "0" is not like "5432"'),
        (("--exclude-outbound-ranges", "a.example"), '"a.example" is not like "10.0.0.0/8"'),
        (("--uid", ""), '--uid: "none" is not like "1337"'),
        (("--uid",), '--uid: "none" is not like "1337"'),
        (("--exclude",), "--exclude: no such option"),
        (("80",), "80: an option begins with --"),
    ],
)
def test_options_that_are_wrong_are_refused(options: tuple[str, ...], complaint: str) -> None:
    done = subprocess.run(
        ["sh", str(INTERCEPT), "--print", *options], capture_output=True, text=True
    )

    assert done.returncode == 1
    assert complaint in done.stderr


def test_a_range_that_iptables_refuses_leaves_the_rules_as_they_were(here: Host) -> None:
    before = rules(here)

    done = intercept(here, "--exclude-outbound-ranges", "10.0.0.0/77")

    assert done.returncode == 1
    assert "the rules for IPv4 were not set" in done.stderr
    assert rules(here) == before


def test_whoever_may_not_set_rules_gets_a_status_that_says_so(here: Host) -> None:
    done = ran(here, "sh", str(INTERCEPT), uid=APPLICATION)

    assert done.returncode == 1
    assert "not root" in done.stderr


def test_hosts_see_each_other_by_name_and_are_gone_at_the_end(tmp_path: Path) -> None:
    with mesh_network() as made:
        first, second = made.add("first"), made.add("second")
        with listening(second, tmp_path, APPLICATION, 8080):
            assert answer(first, 0, "second", 8080) == "8080 direct"
        made.remove("second")
        assert answer(first, 0, "second", 8080).startswith("nothing: ")

    listed = subprocess.run(["ip", "netns"], capture_output=True, text=True).stdout
    assert first.namespace not in listed


def test_addresses_of_ipv6_without_rules_for_them_are_a_fault(here: Host, tmp_path: Path) -> None:
    broken = tmp_path / "ip6tables-save"
    broken.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)

    done = ran(here, "env", f"PATH={tmp_path}:/usr/sbin:/usr/bin:/bin", "sh", str(INTERCEPT))

    assert done.returncode == 1
    assert "the rules for IPv6 were not set, and there are IPv6 addresses" in done.stderr
