"""The options that commands share, and how ``--help`` ends.

A command's own module declares its options and nothing else. What it does is imported when it is
called, so that ``--help`` and usage errors are answered at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import click

from controlplane.base.addresses import Address
from controlplane.base.units import duration
from controlplane.cli.address import address_parameter
from controlplane.cli.code_parameter import code_parameter
from controlplane.cli.connection_option import FORM, connection
from controlplane.cli.log_form import LogFormat, LogLevel
from controlplane.model.connection import Connection

F = TypeVar("F", bound=Callable[..., object])


def example(*lines: str) -> str:
    """The end of a command's ``--help``, for its ``epilog``."""
    return "\n".join(("\b", "Example:", *(f"  {line}" for line in lines)))


@dataclass(frozen=True, slots=True)
class StatePlace:
    """Which state directory: ``path``, or the one that belongs to ``config`` where that is
    ``None``.
    """

    path: Path | None
    config: tuple[Path, ...]


def state_option(command: F) -> F:
    """``--state DIR``; the command gets ``state: Path | None``."""
    return click.option(
        "--state",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Where keys and accepted objects are stored.  [default: a directory for these "
        "--config paths, below $XDG_STATE_HOME/controlplane]",
    )(command)


def state_options(command: Callable[..., None]) -> Callable[..., None]:
    """``--state DIR`` and ``--config PATH`` of a command that uses the keys of a control plane; it
    gets ``state``, a ``StatePlace``.
    """

    @wraps(command)
    def collected(*, state: Path | None, config: tuple[Path, ...], **others: object) -> None:
        command(state=StatePlace(state, config), **others)

    directory = click.option(
        "--state",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="The state directory of the control plane, where it was given one.",
    )
    project = click.option(
        "--config",
        "-c",
        multiple=True,
        default=["."],
        show_default=True,
        type=click.Path(path_type=Path),
        metavar="PATH",
        help="What the control plane serves, as it was given there: without --state it says which "
        "state directory is used. May be repeated.",
    )
    return project(directory(collected))


def secrets_option(command: F) -> F:
    """``--secrets DIR``; the command gets ``secrets: tuple[Path, ...]``."""
    return click.option(
        "--secrets",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Secrets as files: DIR/NAMESPACE/NAME/tls.crt, tls.key, ca.crt, ca.crl. "
        "May be repeated.",
    )(command)


def admin_to_ask(command: F) -> F:
    """``--admin HOST:PORT`` of a command that asks a running control plane."""
    return _address(
        "--admin", default="127.0.0.1:15014", help="The admin interface of the control plane."
    )(command)


def text_or_json(command: F) -> F:
    """``-o text|json``; the command gets ``output: str``."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Output for people or for programs.",
    )(command)


def xds_option(command: F) -> F:
    return _address(
        "--xds",
        default="127.0.0.1:15010",
        help="Address for xDS, from which Envoys get their configuration.",
    )(command)


def admin_option(command: F) -> F:
    return _address(
        "--admin", default="127.0.0.1:15014", help="Address for health, metrics and state."
    )(command)


def ignore_option(command: F) -> F:
    """``--ignore CODE``; the command gets ``ignore: tuple[Code, ...]``."""
    return click.option(
        "--ignore",
        multiple=True,
        type=code_parameter,
        metavar="CODE",
        help="Leave out findings of this code. May be repeated.",
    )(command)


def mesh_config_option(command: F) -> F:
    return click.option(
        "--mesh-config",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="A file with Istio's MeshConfig.",
    )(command)


def max_objects_option(command: F) -> F:
    """``--max-objects N``; the command gets ``max_objects: int``."""
    return click.option(
        "--max-objects",
        type=click.IntRange(min=1),
        default=100_000,
        show_default=True,
        metavar="N",
        help="Objects that are taken from all files together; 10,000 services take 0.6 GB.",
    )(command)


def config_option(command: Callable[..., None]) -> Callable[..., None]:
    """``[PATH]…`` and ``--config PATH``, which mean the same; the command gets ``config``."""

    @wraps(command)
    def collected(*, paths: tuple[Path, ...], config: tuple[Path, ...], **others: object) -> None:
        command(config=(*paths, *config) or (Path(),), **others)

    positional = click.argument(
        "paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]..."
    )
    named = click.option(
        "--config",
        "-c",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="PATH",
        help="A file or folder of Istio YAML, as PATH; edits are used at once. May be repeated.  "
        "[default: .]",
    )
    return positional(named(collected))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingOptions:
    """The options of ``serve`` and ``up``."""

    config: tuple[Path, ...]
    secrets: tuple[Path, ...]
    xds: Address
    admin: Address
    state: Path | None
    mesh_config: Path | None
    insecure_xds: bool
    lean: bool
    metrics: bool
    allow_removal: bool
    max_objects: int
    connections: tuple[Connection, ...] = ()
    resolves_services: bool = False
    metrics_bind: Address | None = None
    trace_otlp: str | None = None
    status_dir: Path | None = None
    wasm_dir: Path | None = None
    certificate_life: timedelta = timedelta(hours=24)
    log_format: LogFormat = LogFormat.TEXT
    log_level: LogLevel | None = None
    """``None``: what the command logs by itself."""


def _check_status_folder(options: ServingOptions) -> None:
    """What is written as status must not be read as configuration, nor replace it."""
    if options.status_dir is None:
        return
    status = options.status_dir.resolve()
    for name, paths in (("--config", options.config), ("--secrets", options.secrets)):
        for path in paths:
            if status == path.resolve() or path.resolve() in status.parents:
                text = f"--status-dir {options.status_dir} is in the folder of {name} {path}"
                raise click.UsageError(f"{text}, where it would be read as configuration")


def serving_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that serves, in the order of ``--help``; it gets ``options``, a
    ``ServingOptions``.
    """

    @wraps(command)
    def collected(**values: Any) -> None:  # any: click has made each of its option's type
        options = ServingOptions(**{f.name: values.pop(f.name) for f in fields(ServingOptions)})
        if options.insecure_xds and not options.xds.loopback:
            raise click.UsageError(
                f"--insecure-xds serves on loopback addresses only, not on {options.xds}"
            )
        _check_status_folder(options)
        command(options=options, **values)

    for option in reversed(_OF_SERVING):
        collected = option(collected)
    return collected


def _address(flag: str, *, default: str, help: str) -> Callable[[F], F]:
    return click.option(
        flag,
        default=default,
        show_default=True,
        type=address_parameter,
        metavar="HOST:PORT",
        help=help,
    )


def _life(text: str) -> timedelta:
    found = duration(text)
    if found is None or not _SHORTEST_LIFE <= found <= _LONGEST_LIFE:
        raise click.BadParameter(f'"{text}" is not a duration between 1m and 2160h, such as 24h')
    return found


def _collector(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise click.BadParameter(f'"{text}" is not a URL such as http://127.0.0.1:4318')
    return text


_SHORTEST_LIFE: Final = timedelta(minutes=1)
_LONGEST_LIFE: Final = timedelta(days=90)  # Istio's MAX_WORKLOAD_CERT_TTL
_OF_SERVING: Final[tuple[Callable[[Callable[..., None]], Callable[..., None]], ...]] = (
    config_option,
    click.option(
        "connections",
        "--local",
        multiple=True,
        type=connection,
        metavar="NAME=[HOST:]PORT",
        help="Where a service is, such as reviews=9080: a process on this machine, or on HOST. In "
        f"full: {FORM}. May be repeated.",
    ),
    click.option(
        "resolves_services",
        "--resolve-services",
        is_flag=True,
        help="Services without endpoints are where DNS finds the names of their Deployments, or "
        "their own, at their target ports (docker compose).",
    ),
    secrets_option,
    xds_option,
    admin_option,
    click.option(
        "--metrics-bind",
        type=address_parameter,
        metavar="HOST:PORT",
        help="Serve /metrics, /healthz and /readyz there too, and nothing else, for a Prometheus "
        "that does not reach --admin: 0.0.0.0:15015.",
    ),
    click.option(
        "--trace-otlp",
        type=_collector,
        metavar="URL",
        help="Send a trace of each edit to this OpenTelemetry collector, by OTLP over HTTP: "
        "http://127.0.0.1:4318.",
    ),
    state_option,
    click.option(
        "--status-dir",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Keep a file there for each object of the Gateway API, with its status: "
        "httproute_shop_reviews.yaml.",
    ),
    click.option(
        "--wasm-dir",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        metavar="DIR",
        help="Send the modules of WebAssembly below it to proxies, where a WasmPlugin names them "
        "by file://; any other path is the proxy's own.",
    ),
    mesh_config_option,
    click.option(
        "--certificate-life",
        default="24h",
        show_default=True,
        type=_life,
        metavar="DURATION",
        help="How long a workload's certificate lives; it is renewed after half of that.",
    ),
    click.option(
        "--insecure-xds",
        is_flag=True,
        help="Plaintext xDS without tokens, on loopback only (load tests, learning).",
    ),
    click.option(
        "--lean",
        is_flag=True,
        help="Omit the routes' metadata that names their VirtualService, which access logs "
        "may show (%METADATA(ROUTE:istio:config)%): Envoy updates large tables faster.",
    ),
    click.option(
        "--metrics",
        is_flag=True,
        help="Proxies count calls in Istio's metrics (istio_requests_total …), on their port 15090 "
        "at /stats/prometheus; so do a Telemetry and MeshConfig's defaultProviders.metrics.",
    ),
    click.option(
        "--allow-removal",
        is_flag=True,
        help="Remove objects that vanish from the files without asking, even most of the mesh.",
    ),
    max_objects_option,
    click.option(
        "--log-format",
        type=click.Choice([each.value for each in LogFormat]),
        default=LogFormat.TEXT.value,
        show_default=True,
        callback=lambda _context, _option, value: LogFormat(value),
        help="The log on standard error: keys and values, or a JSON object a line.",
    ),
    click.option(
        "--log-level",
        type=click.Choice([each.value for each in LogLevel]),
        callback=lambda _context, _option, value: LogLevel(value) if value else None,
        help="The least that is logged.  [default: info; up: error]",
    ),
)
"""In the order of ``--help``."""
