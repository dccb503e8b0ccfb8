"""What ``check`` does for twice as much is at most a little more than twice the work.

Work is counted in function calls and looks at a whole text, so a busy machine changes nothing.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from controlplane.cli.check_files import findings_in
from controlplane.documents import locate, redact

GATEWAY = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  selector: {app: gw}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
"""


def virtual_service(name: str, host: str, *paths: str) -> str:
    head = f"""
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}}}
spec:
  hosts: [{host}]
  gateways: [gw]
  http:
"""
    return head + "".join(
        f"  - {{match: [{{uri: {{prefix: {path}}}}}], route: [{{destination: {{host: a.com}}}}]}}\n"
        for path in paths
    )


def shadowed_routes(count: int) -> list[str]:
    return [virtual_service("a", "a.com", "/p/", *(f"/p/{n}/" for n in range(count)))]


def routes(count: int) -> list[str]:
    return [virtual_service("a", "a.com", *(f"/p/{n}/" for n in range(count)))]


def virtual_services_of_one_host(count: int) -> list[str]:
    return [virtual_service(f"a{n}", "a.com", f"/{n}/") for n in range(count)]


def shadowed_virtual_services(count: int) -> list[str]:
    return [virtual_service(f"a{n}", "a.com", "/") for n in range(count)]


def virtual_services_of_hosts(count: int) -> list[str]:
    return [virtual_service(f"a{n}", f"a{n}.com", "/") for n in range(count)]


def objects_of_unknown_kinds(count: int) -> list[str]:
    return [f"apiVersion: a/v1\nkind: A\nmetadata: {{name: a{n}}}\n" for n in range(count)]


def refused_documents(count: int) -> list[str]:
    return [
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: a{n}}}\nspec: {{a: 1}}\n"
        for n in range(count)
    ]


def calls_for(folder: Path, documents: list[str]) -> int:
    """How many functions are called to check ``documents``."""
    (folder / "a.yaml").write_text("---\n".join((GATEWAY, *documents)), encoding="utf-8")
    calls = 0

    def counted(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        findings_in([folder])
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize(
    "documents",
    [
        shadowed_routes,
        routes,
        virtual_services_of_one_host,
        shadowed_virtual_services,
        virtual_services_of_hosts,
        objects_of_unknown_kinds,
        refused_documents,
    ],
)
def test_twice_as_much_is_twice_the_work(
    tmp_path: Path, documents: Callable[[int], list[str]]
) -> None:
    calls_for(tmp_path, documents(2))  # what is done once is done
    once, twice = (calls_for(tmp_path, documents(count)) for count in (60, 120))

    assert twice <= 2.2 * once


def test_a_document_is_looked_at_once_however_much_is_found_in_it(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("---\n".join((GATEWAY, *shadowed_routes(50))))
    looks = (locate._composed, locate._line_starts, redact._may_be_secret, redact._secrets)
    for look in looks:
        look.cache_clear()

    findings = findings_in([tmp_path])

    assert len(findings.diagnostics) > 50
    assert [look.cache_info().misses for look in looks] == [1, 1, 1, 1]
