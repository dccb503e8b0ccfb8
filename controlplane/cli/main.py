"""The command ``controlplane``: each command's module is loaded when it is called, not before.

A fault of the world ends a command with one line and the exit status of its exception.
"""

import gc
import importlib
from types import MappingProxyType
from typing import Final

import click

from controlplane.base.errors import ControlPlaneError
from controlplane.cli.options import example
from controlplane.cli.output import complain, printable
from controlplane.cli.suggestions import did_you_mean

COMMANDS: Final = MappingProxyType(
    {
        "serve": "Serve Envoys from configuration files.",
        "up": "Serve, and start a real Envoy for each gateway.",
        "gateways": "Run the Envoys of Gateways beside a control plane.",
        "bootstrap": "Print a bootstrap for an Envoy.",
        "check": "Show what is wrong in configuration files.",
        "migrate": "Write Istio's routing in the words of Gateway API.",
        "explain": "Show what the code of a finding means.",
        "status": "Show which proxies are in sync.",
        "get": "Show an object, with its status.",
        "confirm": "Remove objects whose removal is held.",
        "config": "Show what a proxy was sent, and the lines it came from.",
        "describe": "Show a workload, what it accepts, and by which lines.",
        "authz": "Show who may call a workload, and what becomes of a call.",
        "samples": "Write the sample meshes into a folder.",
        "logs": "Show the log of an Envoy that up runs.",
        "endpoints": "Print where services without endpoints are to be.",
        "token": "Issue, renew or revoke the token of a proxy.",
        "ca": "Show or rotate the authority that signs workloads.",
        "cert": "Issue a certificate of the local authority.",
        "completion": "Print the completion of a shell.",
        "version": "Show all versions: ours, Envoy's, Istio's, the proxies'.",
    }
)
"""In the order of ``--help``: by use. Each is the object NAME of ``controlplane.cli.NAME``."""


ALIASES: Final = MappingProxyType(
    {
        "validate": "check",
        "analyze": "check",
        "proxy-status": "status",
        "ps": "status",
        "proxy-config": "config",
        "pc": "config",
    }
)
"""What istioctl's users type."""


class LazyGroup(click.Group):
    """A group whose help is known and whose commands are imported only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click's signature
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 click's signature
        cmd_name: str,
    ) -> click.Command | None:
        name = ALIASES.get(cmd_name, cmd_name)
        if name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"controlplane.cli.{name}"), name)
        assert isinstance(command, click.Command), f"controlplane.cli.{name}.{name} is one"
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            meant = did_you_mean(args[0], (*COMMANDS, *ALIASES))
            raise click.UsageError(f'there is no command "{printable(args[0])}"{meant}', ctx)
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        with formatter.section("Also known as"):
            names = dict.fromkeys(ALIASES.values())
            formatter.write_dl(
                [(name, ", ".join(a for a, of in ALIASES.items() if of == name)) for name in names]
            )

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ControlPlaneError as error:
            complain(f"error: {error.message}")
            if error.hint is not None:
                complain(f"hint: {error.hint}")
            ctx.exit(error.exit_status)


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=example("controlplane up samples/hello"),
)
@click.version_option(package_name="controlplane")
def main() -> None:
    """Istio's semantics on real Envoys, without Kubernetes."""
    # Imports make tens of thousands of objects that stay; to look for garbage among them every 700
    # takes 20 ms. ``serve`` sets its own threshold once it has loaded.
    gc.set_threshold(50_000, 20, 50)
