"""The proxies of Bookinfo: a bootstrap for each, and a token that is renewed.

    python proxies.py --state DIR --xds HOST:PORT --to FOLDER            write both
    python proxies.py --state DIR --xds HOST:PORT --to FOLDER --watch    renew the tokens, for ever

A bootstrap holds no secret and is the same for all replicas; its Envoy follows the file of the
token. Group 1337, which is the Envoys', may read the files. The admin interfaces of sidecars are
sockets that only their Envoys' user may open: an application could end its own sidecar otherwise.
"""

import argparse
import io
import os
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from controlplane.cli.main import main as controlplane

PROXY_GROUP: Final = 1337
RENEW_EVERY: Final = 6 * 3600.0  # seconds; a token is valid for 24 hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """``group`` is the WorkloadGroup with which it registers."""

    role: str = "sidecar"
    name: str
    namespace: str = "default"
    account: str
    group: str | None
    label: str | None = None


INGRESS: Final = Proxy(
    role="gateway",
    name="istio-ingressgateway",
    namespace="istio-system",
    account="istio-ingressgateway",
    group=None,
    label="istio=ingressgateway",
)
EGRESS: Final = Proxy(
    role="gateway",
    name="istio-egressgateway",
    namespace="istio-system",
    account="istio-egressgateway",
    group="istio-egressgateway",
    label="istio=egressgateway",
)
SIDECARS: Final = tuple(
    Proxy(name=f"{name}-{version}", account=f"bookinfo-{name}", group=f"{name}-{version}")
    for name, versions in {
        "productpage": ("v1",),
        "details": ("v1",),
        "reviews": ("v1", "v2", "v3"),
        "ratings": ("v1",),
    }.items()
    for version in versions
)
PROXIES: Final = (INGRESS, EGRESS, *SIDECARS)


def printed(*arguments: str) -> str:
    """What a command of controlplane prints; ends the program where it fails. In this process: one
    of its own would take most of a second.
    """
    out, complaints = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(complaints):
        status = controlplane(arguments, standalone_mode=False)
    if status:
        sys.exit(complaints.getvalue().strip())
    return out.getvalue()


def admin_socket(path: str) -> tuple[str, str]:
    """The option of a bootstrap for an admin interface that an application does not reach."""
    return "--admin", f"unix:{path}"


def bootstrap_file(proxy: Proxy, folder: Path) -> Path:
    return folder / f"{proxy.name}.json"


def write_bootstrap(proxy: Proxy, folder: Path, state: Path, xds: str, *options: str) -> None:
    """``options`` are more of those of ``controlplane bootstrap``."""
    label = ("--label", proxy.label) if proxy.label else ()
    file = bootstrap_file(proxy, folder)
    text = printed(
        *("bootstrap", proxy.role, proxy.name, "--namespace", proxy.namespace, *label),
        *("--service-account", proxy.account, "--replicas", "--xds", xds),
        *("--token-file", str(_token_file(proxy, folder)), "--state", str(state), *options),
    )
    file.write_text(text, encoding="utf-8")
    _open_to_group(file)


def write_token(proxy: Proxy, folder: Path, state: Path) -> None:
    """Replaces the file at once, as Envoy expects it."""
    file = _token_file(proxy, folder)
    draft = file.with_name(f".{file.name}")
    group = ("--group", proxy.group) if proxy.group else ()
    printed(
        *("token", f"{proxy.namespace}/{proxy.account}", "--role", proxy.role, *group),
        *("--out", str(draft), "--state", str(state)),
    )
    _open_to_group(draft)
    draft.rename(file)


def _token_file(proxy: Proxy, folder: Path) -> Path:
    return folder / f"{proxy.name}-token.yaml"


def _open_to_group(file: Path) -> None:
    os.chown(file, -1, PROXY_GROUP)
    file.chmod(0o640)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--state", type=Path, required=True, metavar="DIR")
    parser.add_argument("--xds", required=True, metavar="HOST:PORT")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--watch", action="store_true", help="renew the tokens, and nothing else")
    options = parser.parse_args()
    while True:
        for proxy in PROXIES:
            write_token(proxy, options.to, options.state)
        if not options.watch:
            break
        time.sleep(RENEW_EVERY)
    for proxy in PROXIES:
        # In containers every workload has a folder /tmp of its own.
        admin = admin_socket("/tmp/admin.sock") if proxy in SIDECARS else ()
        write_bootstrap(proxy, options.to, options.state, options.xds, *admin)


if __name__ == "__main__":
    main()
