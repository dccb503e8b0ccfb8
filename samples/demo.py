"""The bookshop on this machine, without containers: its services, the control plane, a real Envoy.

    python samples/demo.py [FOLDER]     what `make demo` runs; Ctrl-C stops everything

What it writes (the authority, the certificate of the shop) is in FOLDER, .demo if unset.
"""

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from os.path import relpath
from pathlib import Path
from typing import Final

TOP: Final = Path(__file__).resolve().parents[1]
WORK: Final = Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / ".demo"
STATE: Final = WORK / "state"
CERTIFICATES: Final = WORK / "certificates"
CONTROLPLANE: Final = (sys.executable, "-m", "controlplane")
SERVICES: Final = ("storefront=9081", "catalog=9082", "reviews-v1=9083", "reviews-v2=9084")
NAMES: Final = ("bookshop.example", "secure.bookshop.example", "localhost")
LOOK_EVERY: Final = 0.2  # seconds

WHAT_TO_TRY: Final = """
The bookshop is open. In another terminal:

  curl localhost:8080/                                   the storefront
  curl localhost:8080/reviews                            reviews, v1 nine times out of ten
  curl -H 'end-user: jason' localhost:8080/reviews       testers get v2
  curl localhost:8080/api/books                          the catalog, which sees /books
  curl -i -H 'x-break: yes' localhost:8080/              a fault, injected by Envoy
  curl -i -H 'host: secure.bookshop.example' localhost:8080/     sent to HTTPS
  curl --cacert .demo/root.pem https://localhost:8443/about      TLS, with a certificate of ours

Edit samples/mesh/routes.yaml, save, and ask again. Ctrl-C stops everything.
"""


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


def is_open() -> bool:
    try:
        with urllib.request.urlopen("http://127.0.0.1:8080/about", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def attend(services: subprocess.Popen[bytes], serving: subprocess.Popen[bytes]) -> None:
    """Say what to try once the shop is open; return when either process has ended."""
    is_said = False
    while services.poll() is None and serving.poll() is None:
        if not is_said and is_open():
            is_said = True
            sys.stdout.write(WHAT_TO_TRY)
            sys.stdout.flush()
        time.sleep(LOOK_EVERY)


def main() -> int:
    prepare()
    upstream = TOP / "samples/upstream/server.py"
    services = subprocess.Popen([sys.executable, str(upstream), *SERVICES])
    folders = (TOP / "samples/mesh", TOP / "samples/endpoints-loopback", CERTIFICATES)
    # As seen from here, so that what is said of a file names it as a person would.
    configs = [option for folder in folders for option in ("--config", relpath(folder))]
    serving = subprocess.Popen([*CONTROLPLANE, "up", *configs, "--state", str(STATE)])
    for number in (signal.SIGTERM, signal.SIGINT):
        # From a terminal all three have the signal already; from a script only this process has.
        signal.signal(number, lambda *_: serving.terminate())
    attend(services, serving)
    status = services.poll() or serving.poll() or 0
    for process in (serving, services):
        process.terminate()
        process.wait()
    return status


if __name__ == "__main__":
    sys.exit(main())
