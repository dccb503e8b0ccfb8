"""``controlplane logs``: the log of an Envoy that ``up`` runs."""

import os
import sys
import time
from typing import Final

import click

from controlplane.cli.log_files import envoy_log, followed, last_lines
from controlplane.cli.options import StatePlace, example, state_options
from controlplane.sources.state import default_path

LOOKED_EVERY: Final = 0.2  # seconds


@click.command(
    epilog=example(
        "controlplane logs ingressgateway -c samples/hello",
        "controlplane logs ingressgateway -c samples/hello -f -n 20",
    )
)
@click.argument("gateway")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written, until Ctrl-C.")
@click.option(
    "-n", "--tail", type=click.IntRange(min=0), metavar="N", help="Begin with the last N lines."
)
@state_options
def logs(gateway: str, follow: bool, tail: int | None, state: StatePlace) -> None:
    """Show the log of an Envoy that controlplane up runs, or ran last.

    GATEWAY is NAME or NAME.NAMESPACE. With an accessLogFile of /dev/stdout requests are in it. A
    log of more than 16 MiB is moved to NAME.NAMESPACE.log.1 beside it, which is kept.
    """
    log = envoy_log(state.path or default_path(os.environ, state.config), gateway)
    text, end = last_lines(log, tail)
    sys.stdout.buffer.write(text)
    sys.stdout.flush()
    if not follow:
        return
    try:
        for new in followed(log, end, lambda: time.sleep(LOOKED_EVERY)):
            sys.stdout.buffer.write(new)
            sys.stdout.flush()
    except KeyboardInterrupt:
        return
