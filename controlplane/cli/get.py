"""``controlplane get``: an object as Kubernetes would show it, with its status."""

from typing import Final

import click
from click.shell_completion import CompletionItem

from controlplane.base.addresses import Address
from controlplane.cli.name_parameters import namespace_parameter
from controlplane.cli.options import admin_to_ask, example

DEFAULT: Final = "default"


def _kinds(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The kinds that are served, as they are typed."""
    from controlplane.kinds.registry import SERVED  # late: only a shell that completes asks

    names = sorted({kind.name.lower() for kind in SERVED})
    return [CompletionItem(name) for name in names if name.startswith(incomplete.lower())]


@click.command(
    epilog=example(
        "controlplane get gateway/hello",
        "controlplane get httproutes --all-namespaces",
        "controlplane get virtualservice hello --output json | jq .spec",
        "controlplane get gateway.networking.istio.io/hello",
    )
)
@click.argument("kind", metavar="KIND[/NAME]", shell_complete=_kinds)
@click.argument("name", required=False)
@click.option(
    "-n",
    "--namespace",
    type=namespace_parameter,
    metavar="NAMESPACE",
    help="The namespace of the object.  [default: default]",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["yaml", "json"]),
    help="The format of the object, or of each that is listed.  [default: yaml, or a table]",
)
@click.option("-A", "--all-namespaces", is_flag=True, help="List objects of every namespace.")
@admin_to_ask
def get(
    kind: str,
    name: str | None,
    namespace: str | None,
    output: str | None,
    all_namespaces: bool,
    admin: Address,
) -> None:
    """Show an object that is in force, as kubectl does, with the status that it has; without a name
    list the objects of the kind.

    KIND is a kind in any case, its plural or kubectl's short name (gtw, vs, svc); where two APIs
    have the kind, gateway.networking.istio.io or gateway.gateway.networking.k8s.io. The data of
    Secrets and private keys are not shown.
    """
    words = (*kind.split("/"), *((name,) if name is not None else ()))
    if all_namespaces and (len(words) > 1 or namespace is not None):
        raise click.UsageError("--all-namespaces is for a KIND alone")
    from controlplane.cli.get_view import print_object, print_objects  # late: --help needs no YAML

    match words:
        case (of,):
            print_objects(of, None if all_namespaces else namespace or DEFAULT, output, admin)
        case (of, named):
            print_object(of, namespace or "", named, output or "yaml", admin)
        case (of, within, named) if namespace in (None, within):
            print_object(of, within, named, output or "yaml", admin)
        case _:
            raise click.UsageError("name one object: KIND/NAME, or KIND NAME, with -n NAMESPACE")
