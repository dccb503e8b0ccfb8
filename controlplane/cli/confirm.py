"""``controlplane confirm``: remove the objects whose removal a control plane holds."""

import click

from controlplane.base.addresses import Address
from controlplane.base.wording import counted
from controlplane.cli import admin_client
from controlplane.cli.options import admin_to_ask, example
from controlplane.cli.output import say
from controlplane.cli.status_view import display_name


@click.command(epilog=example("controlplane confirm"))
@admin_to_ask
def confirm(admin: Address) -> None:
    """Remove objects whose removal is held.

    When most of the objects vanish from the files at once, they stay in force until this command
    confirms that they are to go; "controlplane status" names them. Exits with 0, also when nothing
    is held, and with 3 when no control plane answers.
    """
    removed = admin_client.confirm_removal(admin).objects
    for name in removed:
        say(f"- {display_name(name)}")
    say(f"{counted(len(removed), 'object')} removed" if removed else "no removal is held")
