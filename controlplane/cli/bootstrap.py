"""``controlplane bootstrap``: what to start an Envoy with, on standard output.

It needs no running control plane: the token is signed with the state directory's key, which is made
if the directory is new. Without the state directory, a token and the root certificate come as
files.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource

from controlplane.base.addresses import Address
from controlplane.base.names import Namespace
from controlplane.cli.address import (
    address_or_off,
    address_parameter,
    admin_parameter,
    ip_parameter,
)
from controlplane.cli.name_parameters import name_parameter, namespace_parameter
from controlplane.cli.options import StatePlace, example, mesh_config_option, state_options
from controlplane.cli.output import complain, say
from controlplane.envoy.bootstrap import (
    ENVOY_FLAGS,
    AdminSocket,
    Node,
    Probes,
    Trust,
    bootstrap as envoy_bootstrap,
)
from controlplane.identity.identity import TOKEN_LIFE
from controlplane.model.proxy import PROXIES, Locality, Role
from controlplane.model.proxy_start import NOTHING_SAID, ProxyStart

_LOOPBACK: Final = ("127.0.0.1",)
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f'"{text}" is not KEY=VALUE')
    return key, value


def _locality(text: str) -> Locality:
    parts = text.split("/")
    if len(parts) > 3:
        raise click.BadParameter(f'"{text}" has more parts than REGION/ZONE/SUBZONE')
    return Locality(*parts)


@click.command(
    epilog=example(
        "controlplane bootstrap gateway ingressgateway --namespace istio-system \\",
        "    --label istio=ingressgateway --config samples/hello > gateway.json",
        f"envoy -c gateway.json {' '.join(ENVOY_FLAGS)}",
    )
)
@click.argument("role", type=click.Choice([role.value for role in PROXIES]))
@click.argument("name", type=name_parameter)
@click.option(
    "--namespace", required=True, type=namespace_parameter, metavar="NS", help="Its namespace."
)
@click.option(
    "--service-account",
    default="default",
    show_default=True,
    type=name_parameter,
    metavar="SA",
    help="The service account in its token and certificates.",
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    type=_pair,
    metavar="KEY=VALUE",
    help="A label that Gateways, policies and Services select it by. May be repeated.",
)
@click.option(
    "--ip",
    "addresses",
    multiple=True,
    type=ip_parameter,
    metavar="ADDR",
    help="Its IP address. May be repeated.  [default: 127.0.0.1]",
)
@click.option(
    "--replicas",
    is_flag=True,
    help="For any number of Envoys, without a node id: each says its own with Envoy's option "
    "--service-node sidecar~IP~NAME.NS~NS.svc.cluster.local (router~… a gateway).",
)
@click.option(
    "--locality",
    default="",
    type=_locality,
    metavar="REGION/ZONE/SUBZONE",
    help="Where it runs, for locality load balancing.",
)
@click.option(
    "--metadata",
    multiple=True,
    type=_pair,
    metavar="KEY=VALUE",
    help="Further metadata of its node, such as IDLE_TIMEOUT=30s, or "
    "BIND_ADDRESS=127.0.0.1, where servers listen that name no address. May be repeated.",
)
@click.option(
    "--xds",
    default="127.0.0.1:15010",
    show_default=True,
    type=address_parameter,
    metavar="HOST:PORT",
    help="The xDS server of the control plane, as seen from the Envoy.",
)
@click.option(
    "--admin",
    default="127.0.0.1:15000",
    show_default=True,
    type=admin_parameter,
    metavar="HOST:PORT",
    help="Where the Envoy serves its admin interface; anyone who reaches it controls the Envoy. "
    "unix:PATH is a socket for its own user alone.",
)
@click.option(
    "--ready",
    default="0.0.0.0:15021",
    show_default=True,
    type=address_or_off,
    metavar="HOST:PORT",
    help="Where the Envoy answers /healthz/ready, for probes; off: nowhere.",
)
@click.option(
    "--metrics",
    default="0.0.0.0:15090",
    show_default=True,
    type=address_or_off,
    metavar="HOST:PORT",
    help="Where the Envoy answers /stats/prometheus; off: nowhere.",
)
@state_options
@mesh_config_option
@click.option(
    "--token",
    "token_file",
    type=_FILE,
    metavar="FILE",
    help="A file with the proxy's token, for machines without the state directory.",
)
@click.option(
    "--token-file",
    "followed_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where Envoy finds its token, and follows it as it is renewed: .yaml, .yml or .json "
    "(controlplane token --out FILE --watch). The bootstrap then holds no secret.",
)
@click.option(
    "--root-cert",
    "root",
    type=_FILE,
    metavar="FILE",
    help="The authority's certificate, required with --token, for --token-file where there is no "
    "state directory (controlplane cert --trust).",
)
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    metavar="N",
    help=f"How long the token in it is valid.  [default: {TOKEN_LIFE.days}]",
)
@click.option(
    "--group",
    type=name_parameter,
    metavar="NAME",
    help="The WorkloadGroup that the sidecar registers with when it connects.",
)
@click.option(
    "--only-token", is_flag=True, help="Print only the token, for --token on another machine."
)
@click.option(
    "--insecure-xds",
    is_flag=True,
    help="Plaintext and no token, for a server on this machine that runs with --insecure-xds.",
)
def bootstrap(
    role: str,
    name: str,
    namespace: Namespace,
    service_account: str,
    labels: tuple[tuple[str, str], ...],
    addresses: tuple[str, ...],
    replicas: bool,
    locality: Locality,
    metadata: tuple[tuple[str, str], ...],
    xds: Address,
    admin: Address | AdminSocket,
    ready: Address | None,
    metrics: Address | None,
    state: StatePlace,
    mesh_config: Path | None,
    token_file: Path | None,
    followed_file: Path | None,
    root: Path | None,
    days: int | None,
    group: str | None,
    only_token: bool,
    insecure_xds: bool,
) -> None:
    """Print the bootstrap of an Envoy, JSON for envoy -c.

    ROLE is gateway or sidecar, NAME the workload's name. The output holds the proxy's token, unless
    --token-file names another place: whoever has it can act as the proxy, so keep it like a private
    key. With --config or --mesh-config it is as the proxy's ProxyConfig says; a note names the
    options of Envoy that it cannot hold, which envoy/workload.py finds in it.
    """
    if replicas and addresses:
        raise click.UsageError("--replicas excludes --ip: each says its own address")
    node = Node(
        role=Role(role),
        name=name,
        namespace=namespace,
        service_account=service_account,
        addresses=() if replicas else addresses or _LOOPBACK,
        labels=dict(labels),
        locality=locality,
        metadata=dict(metadata),
    )
    if insecure_xds and (only_token or not xds.loopback):
        raise click.UsageError(
            "--insecure-xds uses no token and connects to xDS servers on loopback only"
        )
    if group is not None and (role != Role.SIDECAR.value or insecure_xds):
        raise click.UsageError("--group is for sidecars, in whose token it is")
    from controlplane.cli.issued_trust import TokenPlace, trust_of  # late: --help needs no keys

    place = TokenPlace(
        state=state, token=token_file, followed=followed_file, root=root, days=days, group=group
    )
    place.check(issues_here=insecure_xds or only_token)
    trust = None if insecure_xds else trust_of(place, node, datetime.now(UTC))
    if only_token and trust is not None:
        say(str(trust.token))
        return
    _print(node, xds, admin, trust, Probes(ready=ready, metrics=metrics), (state, mesh_config))


def _print(
    node: Node,
    xds: Address,
    admin: Address | AdminSocket,
    trust: Trust | None,
    probes: Probes,
    declared_in: tuple[StatePlace, Path | None],
) -> None:
    """To standard error goes what a bootstrap cannot hold: options of Envoy, and variables."""
    start = _start(*declared_in, node)
    admin = _admin(admin, start)
    probes = replace(probes, status=_status(probes.ready, start))
    made = envoy_bootstrap(node, xds=xds, admin=admin, trust=trust, probes=probes, start=start)
    say(json.dumps(made, indent=2))
    note = start_note(start)
    if note is not None:
        complain(note)


def _start(state: StatePlace, mesh_config: Path | None, node: Node) -> ProxyStart:
    paths = state.config if _is_given("config") else ()
    if not paths and mesh_config is None:
        return NOTHING_SAID
    from controlplane.cli.bootstrap_start import declared_start  # late: --help needs no engine

    return declared_start(paths, mesh_config, node, datetime.now(UTC))


def _is_given(option: str) -> bool:
    return click.get_current_context().get_parameter_source(option) is ParameterSource.COMMANDLINE


def _admin(admin: Address | AdminSocket, start: ProxyStart) -> Address | AdminSocket:
    """An option wins over the ProxyConfig."""
    if start.admin_port is None or _is_given("admin") or isinstance(admin, AdminSocket):
        return admin
    return Address(admin.host, start.admin_port)


def _status(ready: Address | None, start: ProxyStart) -> Address | None:
    """Reachable as far as ``--ready`` is."""
    if ready is None or start.status_port is None:
        return None
    return Address(ready.host, start.status_port)


def start_note(start: ProxyStart) -> str | None:
    """The options and variables that a bootstrap cannot hold, for those who start Envoy by hand."""
    said = (*(f"{name}={value}" for name, value in start.environment), "envoy", *start.options)
    if start.options or start.environment:
        return f"note: its ProxyConfig asks for {' '.join(said)}"
    return None
