"""``controlplane gateways``: run the Envoys of Gateways, beside a control plane elsewhere."""

import socket
import tempfile
from datetime import timedelta
from pathlib import Path

import click

from controlplane.base.addresses import Address
from controlplane.cli.address import address_parameter, ip_parameter
from controlplane.cli.log_form import LogFormat, LogLevel
from controlplane.cli.options import example
from controlplane.model.gateway_proxy import PortRange, port_ranges

_FILE = click.Path(dir_okay=False, path_type=Path)


def _ranges(text: str) -> tuple[PortRange, ...]:
    found = port_ranges(text)
    if text and len(found) != len(text.split(",")):
        raise click.BadParameter(f'"{text}" is not ports and ranges of them, as 8080,8100-8119')
    return found


@click.command(
    epilog=example(
        "controlplane gateways --token-file runner-token --root-cert root.pem --ports 8100-8119",
    )
)
@click.option(
    "--xds",
    default="127.0.0.1:15010",
    show_default=True,
    type=address_parameter,
    metavar="HOST:PORT",
    help="The xDS server of the control plane.",
)
@click.option(
    "--token-file",
    "token",
    type=_FILE,
    metavar="FILE",
    help="The token of this runner, read again for each connection (controlplane token --role "
    "runner --out FILE --watch).",
)
@click.option(
    "--root-cert",
    type=_FILE,
    metavar="FILE",
    help="The authority's certificate, required with --token-file (controlplane cert --trust).",
)
@click.option(
    "--ports",
    default="",
    type=_ranges,
    metavar="PORTS",
    help="The ports that others reach here, such as 8080,8100-8119; listeners on others are "
    "reported.  [default: all]",
)
@click.option(
    "--bind",
    default="0.0.0.0",
    show_default=True,
    type=ip_parameter,
    metavar="ADDRESS",
    help="Where the gateways listen.",
)
@click.option(
    "--name", metavar="NAME", help="What this runner is called.  [default: the host's name]"
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where bootstraps, tokens and logs are.  [default: a new one]",
)
@click.option(
    "--concurrency",
    default=2,
    show_default=True,
    type=click.IntRange(1, 64),
    metavar="N",
    help="Worker threads of each Envoy whose ProxyConfig says no other number.",
)
@click.option(
    "--grace",
    default=5.0,
    show_default=True,
    type=click.FloatRange(0, 3600),
    metavar="SECONDS",
    help="How long Envoys finish what has begun when this command is ended, unless their "
    "ProxyConfig says it (terminationDrainDuration).",
)
@click.option(
    "--insecure-xds",
    is_flag=True,
    help="Plaintext and no token, for a server on this machine that runs with --insecure-xds.",
)
@click.option(
    "--log-format",
    default=LogFormat.TEXT.value,
    show_default=True,
    type=click.Choice([form.value for form in LogFormat]),
    help="Lines of keys and values, or of JSON.",
)
def gateways(
    xds: Address,
    token: Path | None,
    root_cert: Path | None,
    ports: tuple[PortRange, ...],
    bind: str,
    name: str | None,
    folder: Path | None,
    concurrency: int,
    grace: float,
    insecure_xds: bool,
    log_format: str,
) -> None:
    """Run a real Envoy for each Gateway of the Gateway API that the control plane has.

    It connects as a proxy does, with a token of the role runner. Envoys run on while the control
    plane is away; those of deleted Gateways drain, then end.
    """
    if insecure_xds is (token is not None) or (token is None) is not (root_cert is None):
        raise click.UsageError("give --token-file and --root-cert, or --insecure-xds alone")
    if insecure_xds and not xds.loopback:
        raise click.UsageError("--insecure-xds connects to xDS servers on loopback only")
    from controlplane.cli.gateway_runner import Here  # late: --help needs no client
    from controlplane.cli.gateways_run import RunnerSettings, own_address, run_until_stopped
    from controlplane.cli.serving import log_to_stderr

    log_to_stderr(LogLevel.INFO, LogFormat(log_format))
    files = folder if folder is not None else Path(tempfile.mkdtemp(prefix="gateways-"))
    address = own_address(xds)
    here = Here(xds=xds, bind=bind, address=address, folder=files, concurrency=concurrency)
    run_until_stopped(
        RunnerSettings(
            here=here,
            name=name if name is not None else socket.gethostname(),
            token=token,
            root_certificate=root_cert,
            ports=ports,
            grace=timedelta(seconds=grace),
        )
    )
