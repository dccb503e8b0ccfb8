"""ServiceEntries for api.partner.com."""

from controlplane.base.names import Namespace

EDGE = Namespace("edge")


ROOT = Namespace("istio-system")
WEB_TOO = "[{number: 80, name: http, protocol: HTTP}, {number: 81, name: web, protocol: HTTP}]"


def entry(name: str, namespace: str = "default", **fields: str) -> str:
    body = {
        "hosts": "[api.partner.com]",
        "resolution": "STATIC",
        "ports": "[{number: 80, name: http, protocol: HTTP}]",
    } | fields
    lines = "\n".join(f"  {key}: {value}" for key, value in body.items())
    return (
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\n"
        f"metadata: {{name: {name}, namespace: {namespace}}}\nspec:\n{lines}\n---\n"
    )
