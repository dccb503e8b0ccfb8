"""The bookshop on this machine, without containers: its services, the control plane, a real Envoy.

    python samples/demo.py [--gateway-api] [FOLDER]     what `make demo` runs; Ctrl-C stops all

With `--gateway-api` the shop's own routes are those of the Gateway API. What it writes (the
authority, the certificate of the shop) is in FOLDER, .demo beside the samples if unset.
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from os.path import relpath
from pathlib import Path
from typing import Final

from controlplane.base.errors import ControlPlaneError
from controlplane.sources.state import StateDirectory
from controlplane.sources.state_lock import Holder, StateLock

SAMPLES: Final = Path(__file__).resolve().parent
IN_GATEWAY_API: Final = "--gateway-api" in sys.argv
ARGUMENTS: Final = [argument for argument in sys.argv[1:] if argument != "--gateway-api"]
WORK: Final = Path(ARGUMENTS[0]) if ARGUMENTS else SAMPLES.parent / ".demo"
STATE: Final = WORK / "state"
CERTIFICATES: Final = WORK / "certificates"
CONTROLPLANE: Final = (sys.executable, "-m", "controlplane")
SECRETS: Final = WORK / "secrets"
SHOP: Final = ("gateway-api", "mesh/destinations.yaml") if IN_GATEWAY_API else ("mesh",)
ROUTES: Final = SAMPLES / SHOP[0] / "routes.yaml"
SERVICES: Final = ("storefront=9081", "catalog=9082", "reviews-v1=9083", "reviews-v2=9084")
NAMES: Final = ("bookshop.example", "secure.bookshop.example", "localhost")
PARTNERS: Final = WORK / "partners"
PARTNER_SERVICES: Final = ("shipping=tls:9085", "payments=mtls:9086", "ledger=9087")
PARTNER_NAMES: Final = (
    "shipping.example",
    "payments.example",
    "archive.example",
    "*.images.example",
)
LOOK_EVERY: Final = 0.2  # seconds

WHAT_TO_TRY: Final = """
The bookshop is open. In another terminal:

  curl localhost:8080/                                   the storefront
  curl localhost:8080/reviews                            reviews, v1 nine times out of ten
  curl -H 'end-user: jason' localhost:8080/reviews       testers get v2
  curl localhost:8080/api/books                          the catalog, which sees /books
FAULT  curl -i -H 'host: secure.bookshop.example' localhost:8080/     sent to HTTPS
  curl --cacert ROOT https://localhost:8443/about      TLS, with a certificate of ours

What leaves the mesh goes by the egress gateway:

  curl -H 'host: shipping.example' localhost:8081/       plain HTTP here, TLS to the partner
  curl -H 'host: payments.example' localhost:8081/       with a client certificate, which it demands
  curl --cacert ROOT --connect-to ::localhost:8444 https://archive.example/    untouched
  curl localhost:8090/                                   TCP
  curl -i -H 'host: elsewhere.example' localhost:8081/   not registered: 404, and logged
  CONTROLPLANE status --tls                    what the partners present, and for how long

Edit ROUTES, save, and ask again. Ctrl-C stops everything.
"""

FAULT: Final = """\
  curl -i -H 'x-break: yes' localhost:8080/              a fault, injected by Envoy
"""
"""What the Gateway API does not have."""


def printed(*arguments: str) -> str:
    """What a command of controlplane prints; ends the demo where it fails."""
    done = subprocess.run([*CONTROLPLANE, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.strip())
    return done.stdout


def prepare() -> None:
    """Make the shop's certificate, and the authority that signs it if there is none yet."""
    CERTIFICATES.mkdir(parents=True, exist_ok=True)
    state = ("--state", str(STATE))
    secret = printed("cert", *NAMES, "--secret", "istio-system/bookshop-certificate", *state)
    (CERTIFICATES / "bookshop.yaml").write_text(secret, encoding="utf-8")
    root = printed("cert", "--trust", *state)
    (WORK / "root.pem").write_text(root, encoding="utf-8")
    # What the egress gateway shows to partners, as files; and what the partners show.
    printed(
        *("cert", "egress.bookshop.example", "--client", *state),
        *("--secret", "istio-system/partners", "--secrets", str(SECRETS)),
    )
    printed("cert", *PARTNER_NAMES, "--out", str(PARTNERS), *state)


def is_open() -> bool:
    try:
        with urllib.request.urlopen("http://127.0.0.1:8080/about", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def what_to_try() -> str:
    text = WHAT_TO_TRY.replace("FAULT", "" if IN_GATEWAY_API else FAULT)
    text = text.replace("ROOT", relpath(WORK / "root.pem"))
    text = text.replace("CONTROLPLANE", relpath(Path(sys.executable).with_name("controlplane")))
    return text.replace("ROUTES", relpath(ROUTES))


def attend(*processes: subprocess.Popen[bytes]) -> None:
    """Say what to try once the shop is open; return when one of the processes has ended."""
    is_said = False
    while all(process.poll() is None for process in processes):
        if not is_said and is_open():
            is_said = True
            sys.stdout.write(what_to_try())
            sys.stdout.flush()
        time.sleep(LOOK_EVERY)


def locked() -> tuple[StateLock, StateLock]:
    """Keep a second demo from the files of this one, and this one from those of a control plane
    that runs on its state; ends with status 3, having changed nothing, where there is one.
    """
    since = datetime.now(UTC)
    command = "make demo" if len(sys.argv) == 1 else shlex.join(("demo.py", *sys.argv[1:]))
    holder = Holder(
        pid=os.getpid(),
        host=socket.gethostname(),
        command=command,
        since=since,
        config=("samples",),
    )
    WORK.mkdir(parents=True, exist_ok=True)
    try:
        return StateLock(WORK, holder), StateLock(StateDirectory.opened(STATE).path, holder)
    except ControlPlaneError as error:
        sys.stderr.write(f"error: {error.message}\nhint: stop that one first\n")
        sys.exit(error.exit_status)


def main() -> int:
    _own, of_state = locked()
    prepare()
    upstream = SAMPLES / "upstream/server.py"
    services = subprocess.Popen([sys.executable, str(upstream), *SERVICES])
    stem = PARTNERS / PARTNER_NAMES[0]
    proof = ("--certificate", f"{stem}.crt", "--key", f"{stem}.key")
    clients = ("--client-ca", str(WORK / "root.pem"))
    partners = subprocess.Popen(
        [sys.executable, str(upstream), *proof, *clients, *PARTNER_SERVICES]
    )
    folders = (SAMPLES / name for name in (*SHOP, "egress.yaml", "endpoints-loopback"))
    # As seen from here, so that what is said of a file names it as a person would.
    configs = [option for f in (*folders, CERTIFICATES) for option in ("--config", relpath(f))]
    mesh = relpath(SAMPLES / "mesh-config.yaml")
    options = ("--secrets", relpath(SECRETS), "--mesh-config", mesh)
    of_state.release()  # it is the control plane's from here on
    serving = subprocess.Popen([*CONTROLPLANE, "up", *configs, *options, "--state", str(STATE)])
    for number in (signal.SIGTERM, signal.SIGINT):
        # From a terminal all three have the signal already; from a script only this process has.
        signal.signal(number, lambda *_: serving.terminate())
    attend(services, partners, serving)
    status = services.poll() or partners.poll() or serving.poll() or 0
    for process in (serving, services, partners):
        process.terminate()
        process.wait()
    return status


if __name__ == "__main__":
    sys.exit(main())
