"""Secrets in the place of those that listeners name, which the files may not have, or encrypted: so
what is compared is how requests are routed. A listener without its certificate is not served at
all; a server is, and closes every connection.
"""

import base64
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import yaml
from cryptography.hazmat.primitives.serialization import Encoding

from controlplane.base.names import Namespace
from controlplane.documents.yaml import Data
from controlplane.identity.authority import ca_certificate
from controlplane.identity.pem import key_pem, new_key
from controlplane.migrate.listeners import ReadGateway
from controlplane.migrate.plan import Plan

_LIFE: Final = timedelta(days=1)
_NAME: Final = "stand-in.example"


def stand_ins(plan: Plan, now: datetime) -> str:
    """The Secrets that listeners of ``plan`` name, as YAML."""
    named = {
        (gateway.home, name)
        for gateway in plan.gateways.values()
        for name in _certificates(gateway)
    }
    if not named:
        return ""
    data = _data(now)
    return yaml.safe_dump_all(_secret(namespace, name, data) for namespace, name in sorted(named))


def _certificates(gateway: ReadGateway) -> Iterator[str]:
    for listener in gateway.listeners:
        match listener.data:
            case {"tls": {"certificateRefs": [*references]}}:
                for reference in references:
                    match reference:
                        case {"name": str(name)}:
                            yield name


def _data(now: datetime) -> dict[str, str]:
    key = new_key()
    made = ca_certificate(_NAME, key, None, path_length=0, now=now, life=_LIFE)
    certificate = made.public_bytes(Encoding.PEM)
    files = {"tls.crt": certificate, "tls.key": key_pem(key), "ca.crt": certificate}
    return {file: base64.b64encode(pem).decode() for file, pem in files.items()}


def _secret(namespace: Namespace, name: str, data: dict[str, str]) -> dict[str, Data]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/tls",
        "data": data,
    }
