"""``controlplane serve``: serve Envoys that are started elsewhere."""

import click

from controlplane.cli.options import ServingOptions, example, serving_options
from controlplane.envoy.bootstrap import ENVOY_FLAGS


@click.command(
    epilog=example(
        "controlplane serve --config samples/hello",
        "controlplane bootstrap gateway ingressgateway --namespace istio-system \\",
        "    --label istio=ingressgateway --config samples/hello > gateway.json",
        f"envoy -c gateway.json {' '.join(ENVOY_FLAGS)}",
    )
)
@serving_options
def serve(options: ServingOptions) -> None:
    """Serve Envoys from files of Istio YAML; every edit reaches them at once."""
    from controlplane.cli.serve_log import serve_and_log  # late: --help needs no server

    serve_and_log(options)
