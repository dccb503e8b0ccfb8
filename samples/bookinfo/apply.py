"""Put objects into the folder that is served, or take them out, as ``kubectl apply`` does.

    python apply.py FILE…             each object, in place of an older version of it
    python apply.py --delete FILE…    take the objects of FILE away, or --delete all of them
    python apply.py                   list what is applied

Says when every proxy has it, where the control plane is on this machine. The folder is mesh,
beside this program (--to: another). "-" is the standard input. Objects that are served anyway
(bookinfo.yaml, workloads.yaml and the gateway) are left alone. Edits of the files in the folder are
served too. Needs nothing but Python.
"""

import argparse
import json
import re
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
MESH: Final = HERE / "mesh"
SERVED: Final = ("bookinfo.yaml", "workloads.yaml", "networking/bookinfo-gateway.yaml")
"""What is served besides the folder."""
STATUS: Final = "http://127.0.0.1:15014/api/v1/status"
IN_FORCE_WITHIN: Final = 5.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    kind: str
    namespace: str
    name: str
    text: str

    @property
    def file(self) -> str:
        where = "" if self.namespace == "default" else f"{self.namespace}."
        return f"{self.kind.lower()}.{where}{self.name}.yaml"

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}"


def documents(text: str) -> Iterator[Document]:
    """Those of a file; the kind and the name are read without a parser of YAML."""
    for part in re.split(r"^---.*\n", text, flags=re.MULTILINE):
        kind, metadata = _line(r"^kind:", part), re.search(r"^metadata:.*\n(?: .*\n)*", part, re.M)
        name = _line(r"(?:^ +|[{,] *)name:", metadata[0]) if metadata else ""
        if kind and name and metadata:
            namespace = _line(r"(?:^ +|[{,] *)namespace:", metadata[0]) or "default"
            yield Document(kind=kind, namespace=namespace, name=name, text=part.strip("\n") + "\n")


def _line(key: str, text: str) -> str:
    found = re.search(rf"{key}[ \t]*['\"]?([\w.-]+)", text, re.MULTILINE)
    return found[1] if found else ""


def applied(document: Document, folder: Path, served: set[Document]) -> str:
    """What became of it."""
    if document in served:
        return "unchanged"
    file = folder / document.file
    before = file.read_text(encoding="utf-8") if file.exists() else None
    if before == document.text:
        return "unchanged"
    draft = folder / f".{document.file}.new"
    draft.write_text(document.text, encoding="utf-8")
    draft.chmod(0o644)
    draft.rename(file)  # at once, so that no half of it is served
    return "created" if before is None else "configured"


def deleted(document: Document, folder: Path) -> str:
    file = folder / document.file
    if not file.exists():
        return "is not applied"
    file.unlink()
    return "deleted"


def status() -> dict[str, Any] | None:
    """What the control plane says; ``None`` where there is none on this machine."""
    try:
        with urllib.request.urlopen(STATUS, timeout=2) as answer:
            found = json.load(answer)
    except (urllib.error.URLError, OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def is_in_force(said: dict[str, Any] | None, before: int) -> bool:
    """Whether every proxy has answered a revision after ``before``."""
    if said is None or said["revision"] <= before or said["waiting"]:
        return False
    proxies = [proxy["proxy"] for proxy in said["proxies"]]
    return all(
        proxy["revision"] == said["revision"]
        and all(kind["state"] not in ("waiting", "overdue") for kind in proxy["types"])
        for proxy in proxies
    )


def wait_until_in_force(before: int) -> None:
    began = time.monotonic()
    while not is_in_force(said := status(), before):
        if time.monotonic() - began > IN_FORCE_WITHIN:
            print("not in force at every proxy yet: see controlplane status")
            return
        time.sleep(0.05)
    assert said is not None, "what is in force was said by a control plane"
    print(f"in force at {len(said['proxies'])} proxies")


def read(name: str) -> str:
    return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument("--to", type=Path, default=MESH, metavar="FOLDER")
    parser.add_argument("--delete", action="store_true")
    options = parser.parse_args()
    try:
        named = [found for name in options.files for found in documents(read(name))]
    except OSError as fault:
        sys.exit(f"{fault.filename}: {fault.strerror}")
    options.to.mkdir(parents=True, exist_ok=True)
    present = sorted(options.to.glob("*.yaml"))
    there = [found for file in present for found in documents(file.read_text(encoding="utf-8"))]
    if not options.files and not options.delete:
        print(*there, sep="\n")
        return
    said = status() if options.to == MESH else None
    if options.delete:
        done = {one: deleted(one, options.to) for one in (named if options.files else there)}
    else:
        served = {one for name in SERVED for one in documents(read(str(HERE / name)))}
        done = {document: applied(document, options.to, served) for document in named}
    for document, what in done.items():
        print(document, what)
    if said is not None and set(done.values()) & {"created", "configured", "deleted"}:
        wait_until_in_force(said["revision"])


if __name__ == "__main__":
    main()
