"""``controlplane ca``: the mesh's authority, and a change of its root."""

import click

from controlplane.cli.options import StatePlace, example, state_options


@click.command(
    epilog=example(
        "controlplane ca status -c samples/hello",
        "controlplane ca rotate -c samples/hello",
    )
)
@click.argument("action", type=click.Choice(["status", "rotate"]))
@click.option("--abort", is_flag=True, help="With rotate: go back to the root before.")
@state_options
def ca(action: str, abort: bool, state: StatePlace) -> None:
    """Show or rotate the authority that signs workloads.

    status shows what signs, what is trusted and what a rotation waits for. rotate makes a new root
    and brings it in by steps, in which no two workloads refuse each other: both roots are trusted,
    the new one signs, the old one goes. The control plane does it while it runs, in at least as
    long as a certificate lives (24 hours).
    """
    if abort and action != "rotate":
        raise click.UsageError("--abort goes with rotate")
    from controlplane.cli.mesh_ca import command, show_status  # late: --help needs no keys

    if action == "status":
        show_status(state)
    else:
        command(state, aborts=abort)
