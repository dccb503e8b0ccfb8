"""Run a command beside an application of ``make bookinfo``, with its network and as its user.

    python inside.py productpage curl -s http://details:9080/details/0

So what the command sends passes the application's sidecar. Without a command: which there are.
Needs root, as ``make bookinfo`` does. In containers, docker compose exec does the same.
"""

import json
import os
import sys
from pathlib import Path
from typing import Final

HOSTS: Final = Path(__file__).resolve().parents[2] / ".bookinfo/hosts.json"
"""Where ``make bookinfo`` writes, for each of its hosts, the network namespace and the user."""


def main() -> None:
    if not HOSTS.exists():
        sys.exit(f"there is no {HOSTS}: make bookinfo does not run")
    hosts: dict[str, tuple[str, int]] = json.loads(HOSTS.read_bytes())
    match sys.argv[1:]:
        case []:
            print(*hosts, sep="\n")
        case [name, *command] if name in hosts and command:
            namespace, uid = hosts[name]
            user = ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--")
            words = ("ip", "netns", "exec", namespace, *user, *command)
            os.execvp(words[0], words)
        case [name, *_]:
            sys.exit(f'there is no "{name}", or no command: there are {", ".join(hosts)}')


if __name__ == "__main__":
    main()
