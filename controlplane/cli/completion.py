"""``controlplane completion``: what makes a shell complete commands and options."""

import click
from click.shell_completion import get_completion_class

from controlplane.cli.options import example
from controlplane.cli.output import say


@click.command(
    epilog=example(
        "controlplane completion bash > ~/.local/share/bash-completion/completions/controlplane",
        'controlplane completion zsh > "${fpath[1]}/_controlplane"',
        "controlplane completion fish > ~/.config/fish/completions/controlplane.fish",
    )
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion of a shell; the shell reads it at its start."""
    kind = get_completion_class(shell)
    assert kind is not None, "click knows these shells"
    command = context.find_root().command
    say(kind(command, {}, "controlplane", "_CONTROLPLANE_COMPLETE").source())
