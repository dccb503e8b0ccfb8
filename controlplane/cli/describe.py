"""``controlplane describe``: a workload, what it accepts and calls, and by which lines; or an
object and its status.
"""

import click

from controlplane.base.addresses import Address
from controlplane.cli.options import admin_to_ask, example, text_or_json


@click.command(
    epilog=example(
        "controlplane describe reviews-v1.default",
        "controlplane describe reviews-v1 --output json",
        "controlplane describe httproute/shop/reviews",
    )
)
@click.argument("workload")
@text_or_json
@admin_to_ask
def describe(workload: str, output: str, admin: Address) -> None:
    """Show a workload: its identity, its ports and what they accept, the rules that bear on it,
    what is recorded of its calls.

    WORKLOAD is a sidecar as controlplane status shows it (NAME or NAME.NAMESPACE), or a
    WorkloadGroup that has registered one. Each part has the file and line that it came from.
    Who may call it is what controlplane authz shows.

    Or an object, KIND/NAME or KIND/NAMESPACE/NAME: where it is declared, and its status in words;
    controlplane get shows it as it is.
    """
    if "/" in workload:
        from controlplane.cli.get_view import describe_object  # late: --help needs no YAML

        describe_object(workload, output, admin)
        return
    from controlplane.cli.describe_view import print_workload  # late: --help needs no messages

    print_workload(workload, output, admin)
