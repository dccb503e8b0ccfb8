"""Hosts on this machine without containers: a network namespace for each, on one bridge.

Each host has an address, sees the others by the names in its own /etc/hosts, and has its own
iptables. This side (the namespace of whoever makes the network) has an address in it too. Linux
only, and only root may. Source: ip-netns(8).
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Final, Self

SUBNETS: Final = tuple(IPv4Network(f"10.{second}.0.0/24") for second in range(203, 224))
"""The first that leads nowhere yet is used."""
SUBNET_V6: Final = IPv6Network("fd00:203::/64")
_PREFIX: Final = "mesh"
_RUN: Final = Path("/run/netns")
_ETC: Final = Path("/etc/netns")


def why_not() -> str | None:
    """Why there can be no such network here; ``None`` where there can."""
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    try:
        done = _ip("netns", "list", check=False)
    except FileNotFoundError:
        return "there is no command ip: install the package iproute2"
    return done.stderr.strip() if done.returncode else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    name: str
    namespace: str
    address: str
    address_v6: str

    def command(self, *command: str) -> list[str]:
        """``command`` as one that runs on this host."""
        return ["ip", "netns", "exec", self.namespace, *command]


class Network:
    """Leaving the ``with`` block ends what still runs on the hosts, and removes them."""

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        """``names``: further names of every host's /etc/hosts, with their addresses."""
        self.hosts: dict[str, Host] = {}
        self.names = dict(names or {})
        self._prefix = f"{_PREFIX}-{os.getpid()}-{id(self) & 0xFFFF:04x}"
        self._hub = f"{self._prefix}-hub"
        self._link = f"m{os.getpid() % 10**7}{id(self) & 0xFFFF:04x}"
        self._count = 1

    def __enter__(self) -> Self:
        _remove_what_is_left()
        self._subnet = next(net for net in SUBNETS if _leads_nowhere(net))
        self.address = str(self._subnet[1])
        self.address_v6 = str(SUBNET_V6[1])
        try:
            _ip("netns", "add", self._hub)
            self._in_hub("link", "add", "bridge", "type", "bridge")
            self._in_hub("link", "set", "bridge", "up")
            end = ("peer", "name", "outside", "netns", self._hub)
            _ip("link", "add", self._link, "type", "veth", *end)
            self._in_hub("link", "set", "outside", "master", "bridge", "up")
            self._assign(self._link, 1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for host in self.hosts.values():
            _removed(host.namespace)
        self.hosts.clear()
        _removed(self._hub)
        _ip("link", "delete", self._link, check=False)

    def add(self, name: str) -> Host:
        """A further host; ``name`` leads to it, everywhere."""
        assert name not in self.hosts, f"{name} is a host already"
        self._count += 1
        host = Host(
            name=name,
            namespace=f"{self._prefix}-{name}",
            address=str(self._subnet[self._count]),
            address_v6=str(SUBNET_V6[self._count]),
        )
        _ip("netns", "add", host.namespace)
        self.hosts[name] = host
        port = f"host{self._count}"
        end = ("peer", "name", "eth0", "netns", host.namespace)
        self._in_hub("link", "add", port, "type", "veth", *end)
        self._in_hub("link", "set", port, "master", "bridge", "up")
        _ip("-n", host.namespace, "link", "set", "lo", "up")
        self._assign("eth0", self._count, "-n", host.namespace)
        # Traffic to an address that no link has must find a route before its sidecar gets it.
        _ip("-n", host.namespace, "route", "add", "default", "via", self.address)
        route_v6 = ("-6", "route", "add", "default", "via", self.address_v6)
        _ip("-n", host.namespace, *route_v6, check=False)
        self.write_names()
        return host

    def remove(self, name: str) -> None:
        """End what runs there, and take the host away."""
        _removed(self.hosts.pop(name).namespace)
        self.write_names()

    def write_names(self) -> None:
        """Into every host's /etc/hosts, in place, so that what runs there sees it."""
        found = {**{host.name: host.address for host in self.hosts.values()}, **self.names}
        lines = "".join(f"{address} {name}\n" for name, address in found.items())
        for host in self.hosts.values():
            file = _ETC / host.namespace / "hosts"
            file.parent.mkdir(parents=True, exist_ok=True)
            own = f"127.0.0.1 localhost\n::1 localhost\n{host.address} {host.name}\n"
            file.write_text(own + lines, encoding="utf-8")
            # No server of names is asked: there is none here, and to wait for it takes seconds.
            file.with_name("resolv.conf").write_text("", encoding="utf-8")

    def _in_hub(self, *arguments: str) -> None:
        _ip("-n", self._hub, *arguments)

    def _assign(self, link: str, number: int, *where: str) -> None:
        length, length_v6 = self._subnet.prefixlen, SUBNET_V6.prefixlen
        _ip(*where, "address", "add", f"{self._subnet[number]}/{length}", "dev", link)
        address_v6 = f"{SUBNET_V6[number]}/{length_v6}"
        # A machine may have no IPv6.
        _ip(*where, "-6", "address", "add", address_v6, "dev", link, "nodad", check=False)
        _ip(*where, "link", "set", link, "up")


def _ip(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done


def _leads_nowhere(subnet: IPv4Network) -> bool:
    return not _ip("-4", "route", "show", "root", str(subnet)).stdout.strip()


def _removed(namespace: str) -> None:
    pids = _ip("netns", "pids", namespace, check=False).stdout.split()
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(int(pid), 9)
    _ip("netns", "delete", namespace, check=False)
    folder = _ETC / namespace
    shutil.rmtree(folder, ignore_errors=True)


def _remove_what_is_left() -> None:
    """What a process that was killed could not remove."""
    found = _RUN.glob(f"{_PREFIX}-*-*-*") if _RUN.is_dir() else ()
    for namespace in found:
        if not Path("/proc", namespace.name.split("-")[1]).exists():
            _removed(namespace.name)
