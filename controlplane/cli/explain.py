"""``controlplane explain``: what the code of a diagnostic means."""

import click

from controlplane.base.diagnostics import Code
from controlplane.cli.code_parameter import code_parameter
from controlplane.cli.options import example
from controlplane.cli.output import show


@click.command(epilog=example("controlplane explain CP0301"))
@click.argument("code", type=code_parameter, required=False)
def explain(code: Code | None) -> None:
    """Show what CODE means, with an example and how to mend it; without CODE, all codes."""
    from controlplane.cli.explanations import overview, page  # late: --help reads no pages

    show(overview() if code is None else page(code))
