"""Zipkin, which shows traces: finds its server, or downloads it, and runs it. It needs Java 17.

    python samples/tracing/zipkin.py            # http://localhost:9411/zipkin/
    python samples/tracing/zipkin.py --fetch    # prints where the jar is

The server is Maven Central's ``io.zipkin:zipkin-server``. ``ZIPKIN_JAR`` names a copy of it, and
``ZIPKIN_URL`` another place to download it from; it is kept in the user's cache directory. What is
downloaded must have the digest that is written here.
"""

import argparse
import hashlib
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

VERSION: Final = "3.6.1"
URL: Final = (
    "https://repo1.maven.org/maven2/io/zipkin/zipkin-server/"
    f"{VERSION}/zipkin-server-{VERSION}-exec.jar"
)
SHA256: Final = "d8326e0ed4f43855dba81228f688554706e52578a7c782d9a90b73f8680654a1"
_CHUNK: Final = 1 << 20  # bytes
_TIMEOUT: Final = 60  # seconds without a byte


class NoZipkin(Exception):
    """Zipkin cannot be run here; its text says why."""


def java() -> str:
    found = shutil.which("java")
    if found is None:
        raise NoZipkin("Zipkin needs Java 17, and there is no java on PATH")
    return found


def jar(environment: Mapping[str, str] = os.environ) -> Path:
    """The server; downloads it where it is not here yet (135 MB)."""
    named = environment.get("ZIPKIN_JAR")
    if named:
        path = Path(named)
        if not path.is_file():
            raise NoZipkin(f"ZIPKIN_JAR names {path}, which is no file")
        return path
    cached = _cache(environment) / f"zipkin-server-{VERSION}-exec.jar"
    if not cached.exists():
        _download(environment.get("ZIPKIN_URL") or URL, cached)
    return cached


def command(environment: Mapping[str, str] = os.environ) -> list[str]:
    """What runs the server; its options are variables (``QUERY_PORT``)."""
    return [java(), "-Xmx256m", "-XX:TieredStopAtLevel=1", "-jar", str(jar(environment))]


def _cache(environment: Mapping[str, str]) -> Path:
    of_user = environment.get("XDG_CACHE_HOME")
    return (Path(of_user) if of_user else Path.home() / ".cache") / "controlplane"


def _download(url: str, to: Path) -> None:
    """Whole or not at all: others may look at the same time."""
    to.parent.mkdir(parents=True, exist_ok=True)
    part = to.with_name(f".{to.name}.{os.getpid()}")
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer, part.open("wb") as out:
            while chunk := answer.read(_CHUNK):
                digest.update(chunk)
                out.write(chunk)
        if digest.hexdigest() != SHA256:
            raise NoZipkin(f"{url} has the SHA-256 {digest.hexdigest()}, not {SHA256}")
        part.rename(to)
    except (OSError, urllib.error.URLError) as error:
        raise NoZipkin(f"{url} cannot be downloaded: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fetch", action="store_true", help="print where the jar is, and stop")
    parser.add_argument("--port", type=int, default=9411)
    options = parser.parse_args()
    try:
        if options.fetch:
            print(jar())
            return 0
        said = command()
    except NoZipkin as missing:
        print(missing, file=sys.stderr)
        return 1
    print(f"Zipkin: http://localhost:{options.port}/zipkin/", flush=True)
    os.environ["QUERY_PORT"] = str(options.port)
    return os.execv(said[0], said)


if __name__ == "__main__":
    sys.exit(main())
