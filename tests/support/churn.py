"""Valid edits of a mesh whose hosts answer at all times: what people, scripts and git do to files.

Every edit leads from one mesh in which each host is answered to another. Some come in one file,
some in two or three in any order, some are written in place in two halves, and some are a checkout
of many files. Randomness is from a seed.
"""

import os
import random
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tests.support.pki import Leaf

PORTS: Final = (9001, 9002, 9003, 9004)
"""Where upstreams listen on loopback that answer for every host."""
BETWEEN: Final = 0.02  # seconds at most between two files of one change
GIT_APPS: Final = 20  # two files each

GATEWAY: Final = """
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gw, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: ["*"]
  - port: {number: 8443, name: https, protocol: HTTPS}
    hosts: [secure.example]
    tls: {mode: SIMPLE, credentialName: secure}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: secure, namespace: default}
spec:
  hosts: [secure.example]
  gateways: [istio-system/gw]
  http: [{directResponse: {status: 200}}]
"""


@dataclass(frozen=True, kw_only=True)
class App:
    """One host, and how it is routed to some of the upstreams."""

    name: str
    files: int
    """In how many files it is declared."""
    service: str = "a"
    subsets: tuple[str, str] = ("v1", "v2")
    ports: tuple[int, ...] = PORTS[:2]
    route: str = "plain"
    balancer: str = "ROUND_ROBIN"

    @property
    def host(self) -> str:
        return f"{self.name}.example"

    def texts(self) -> dict[str, str]:
        """Its files, by name."""
        parts = [self._service(), self._rule(), self._route()]
        if self.files == 1:
            return {f"{self.name}.yaml": "---".join(parts)}
        if self.files == 2:
            return {
                f"{self.name}-service.yaml": "---".join(parts[:2]),
                f"{self.name}-route.yaml": parts[2],
            }
        names = ("service", "rule", "route")
        return {f"{self.name}-{n}.yaml": text for n, text in zip(names, parts, strict=True)}

    def changed(self, chance: random.Random) -> "App":
        """Another form of the same app."""
        while True:
            changes: dict[str, Callable[[], object]] = {
                "service": lambda: chance.choice("abc"),
                "subsets": lambda: tuple(chance.sample(["v1", "v2", "blue", "green"], 2)),
                "ports": lambda: tuple(chance.sample(PORTS, chance.randint(1, 3))),
                "route": lambda: chance.choice(["plain", "subset", "weighted"]),
                "balancer": lambda: chance.choice(["ROUND_ROBIN", "RANDOM", "LEAST_REQUEST"]),
            }
            names = chance.sample(sorted(changes), chance.randint(1, 3))
            other: App = replace(self, **{name: changes[name]() for name in names})  # type: ignore[arg-type]
            if other != self:
                return other

    @property
    def _destination(self) -> str:
        return f"{self.name}-{self.service}.internal"

    def _service(self) -> str:
        endpoints = "".join(
            f"  - {{address: 127.0.0.1, ports: {{http: {port}}}, labels: {{version: {name}}}}}\n"
            for port in self.ports
            for name in self.subsets
        )
        return (
            "\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
            f"metadata: {{name: {self.name}-{self.service}, namespace: default}}\n"
            f"spec:\n  hosts: [{self._destination}]\n"
            "  ports: [{number: 80, name: http, protocol: HTTP}]\n"
            f"  resolution: STATIC\n  endpoints:\n{endpoints}"
        )

    def _rule(self) -> str:
        subsets = ", ".join(f"{{name: {n}, labels: {{version: {n}}}}}" for n in self.subsets)
        return (
            "\napiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
            f"metadata: {{name: {self.name}, namespace: default}}\n"
            f"spec:\n  host: {self._destination}\n  subsets: [{subsets}]\n"
            f"  trafficPolicy: {{loadBalancer: {{simple: {self.balancer}}}}}\n"
        )

    def _route(self) -> str:
        to = f"destination: {{host: {self._destination}"
        first, second = self.subsets
        routes = {
            "plain": f"{to}}}",
            "subset": f"{to}, subset: {first}}}",
            "weighted": f"{to}, subset: {first}}}, weight: 30}}, {{{to}, subset: {second}}}, "
            "weight: 70",
        }
        return (
            "\napiVersion: networking.istio.io/v1\nkind: VirtualService\n"
            f"metadata: {{name: {self.name}, namespace: default}}\n"
            f"spec:\n  hosts: [{self.host}]\n  gateways: [istio-system/gw]\n"
            f"  http: [{{route: [{{{routes[self.route]}}}]}}]\n"
        )


class Churn:
    """Edits of the files in ``folder``."""

    def __init__(self, folder: Path, leaves: list[Leaf], seed: int) -> None:
        self._folder = folder
        self._leaves = leaves
        self._chance = random.Random(seed)
        self.apps = [App(name=f"app{i}", files=1 + i % 3) for i in range(9)]
        self._commits = [
            [App(name=f"git{i}", files=2, **form) for i in range(GIT_APPS)]  # type: ignore[arg-type]
            for form in (
                {"subsets": ("v1", "v2"), "route": "subset", "service": "a"},
                {"subsets": ("blue", "green"), "route": "weighted", "service": "b"},
            )
        ]
        self._commit = 0
        self._extra = 0

    @property
    def hosts(self) -> tuple[str, ...]:
        """All that is answered at all times, by HTTP."""
        return tuple(app.host for app in (*self.apps, *self._commits[0]))

    def begin(self) -> None:
        """Make the first state of the folder."""
        self._put("gateway.yaml", GATEWAY)
        self._put("secret.yaml", self._leaves[0].secret("secure"))
        for app in self.apps:
            for name, text in app.texts().items():
                self._put(name, text)
        self._make_commits()

    def edits(self) -> Iterator[str]:
        """Make one edit after the other, without end; gives what each was."""
        kinds: list[tuple[int, Callable[[], str]]] = [
            (70, self._change_app),
            (12, self._write_in_place),
            (8, self._rotate),
            (6, self._extra_service),
            (4, self._check_out),
        ]
        weights, makers = zip(*kinds, strict=True)
        while True:
            (make,) = self._chance.choices(makers, weights)
            yield make()

    def _change_app(self) -> str:
        number = self._chance.randrange(len(self.apps))
        before, after = self._next(number)
        names = [name for name, text in after.items() if before.get(name) != text]
        self._chance.shuffle(names)
        for name in names:
            self._put(name, after[name])
            if name != names[-1]:
                threading.Event().wait(self._chance.uniform(0, BETWEEN))
        return f"{' then '.join(names)}: {self.apps[number]}"

    def _write_in_place(self) -> str:
        number = self._chance.randrange(0, len(self.apps), 3)  # those of one file
        _, after = self._next(number)
        ((name, text),) = after.items()
        cut = self._chance.randrange(len(text))
        with (self._folder / name).open("w") as file:
            file.write(text[:cut])
            file.flush()
            threading.Event().wait(self._chance.uniform(0, BETWEEN))
            file.write(text[cut:])
        return f"{name} in place, cut at {cut}: {self.apps[number]}"

    def _next(self, number: int) -> tuple[dict[str, str], dict[str, str]]:
        before = self.apps[number]
        self.apps[number] = before.changed(self._chance)
        return before.texts(), self.apps[number].texts()

    def _rotate(self) -> str:
        self._put("secret.yaml", self._chance.choice(self._leaves).secret("secure"))
        return "secret.yaml: another certificate"

    def _extra_service(self) -> str:
        self._extra += 1
        for number in (self._extra, self._extra - 3):
            app = App(name=f"extra{number}", files=1)
            for name, text in app.texts().items():
                if number == self._extra:
                    self._put(name, text)
                else:
                    (self._folder / name).unlink(missing_ok=True)
        return f"extra{self._extra} added, extra{self._extra - 3} removed"

    def _check_out(self) -> str:
        self._commit = 1 - self._commit
        self._git("checkout", "--quiet", f"commit{self._commit}")
        return f"git checkout of {2 * GIT_APPS} files"

    def _make_commits(self) -> None:
        repository = self._folder / "repository"
        repository.mkdir()
        self._git("init", "--quiet")
        for number in (1, 0):
            for app in self._commits[number]:
                for name, text in app.texts().items():
                    (repository / name).write_text(text)
            self._git("add", ".")
            self._git("commit", "--quiet", "--message", f"{number}")
            self._git("tag", f"commit{number}")

    def _git(self, *arguments: str) -> None:
        said = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        who = ("-c", "user.name=churn", "-c", "user.email=churn@example.com")
        subprocess.run(
            ["git", *who, *arguments],
            cwd=self._folder / "repository",
            env={**os.environ, **said},
            check=True,
            capture_output=True,
        )

    def _put(self, name: str, text: str) -> None:
        """At once, as an editor does: written beside, then renamed."""
        draft = self._folder / f".{name}.new"
        draft.write_text(text)
        draft.rename(self._folder / name)
