"""What ``cert`` issues and prints."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import yaml

from controlplane.base.errors import ControlPlaneError
from controlplane.base.names import ROOT_NAMESPACE
from controlplane.cli.inputs import state_to_issue_from
from controlplane.cli.options import StatePlace
from controlplane.cli.output import complain, say
from controlplane.cli.written_file import write_whole
from controlplane.identity.authority import Authority, kept_authority
from controlplane.identity.certificates import (
    Credential,
    client_credential,
    new_rsa_key,
    server_credential,
)
from controlplane.identity.mesh_authority import kept_mesh_authority
from controlplane.identity.pem import new_key
from controlplane.identity.rotation_file import kept_rotation
from controlplane.sources.state import Area

_TRUST: Final = """\
To trust it, save it as ca.crt (controlplane cert --trust > ca.crt) and then:
  curl              curl --cacert ca.crt https://…
  Debian, Ubuntu    sudo cp ca.crt /usr/local/share/ca-certificates/controlplane.crt
                    sudo update-ca-certificates
  macOS             sudo security add-trusted-cert -d -r trustRoot \\
                        -k /Library/Keychains/System.keychain ca.crt
  Chrome on Linux   certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n controlplane -i ca.crt
  Firefox           Settings, Privacy & Security, View Certificates, Authorities, Import
Whoever can read the state directory can sign for any name: trust it only where you develop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be issued, and where it goes: to files of ``out``, to a Secret as files in
    ``secrets``, or printed as a Secret.
    """

    names: tuple[str, ...]
    secret: tuple[str, str] | None
    out: Path | None
    secrets: Path | None
    life: timedelta
    rsa: bool
    client: bool


def print_trust(state: StatePlace) -> None:
    """Print the authority's certificate, and how to trust it."""
    authority = kept_authority(state_to_issue_from(state).authority, datetime.now(UTC))
    say(authority.trust_bundle.decode().rstrip())
    complain(_TRUST)


def issue(order: Order, state: StatePlace) -> None:
    now = datetime.now(UTC)
    area = state_to_issue_from(state).authority
    authority = _authority_of(order.names, area, now)
    kind = client_credential if order.client else server_credential
    key = new_rsa_key() if order.rsa else new_key()
    credential = kind(authority, order.names, now, order.life, key)
    first = order.names[0]
    namespace, name = order.secret or (ROOT_NAMESPACE, _plain(first))
    if order.out is not None:
        stem = first.replace("*", "_").replace("/", "_").replace(":", "_")
        _write_files(order.out, stem, authority, credential)
    elif order.secrets is not None:
        _write_files(order.secrets / namespace / name, "tls", authority, credential)
    else:
        say(secret_yaml(namespace, name, authority, credential).rstrip())


def _authority_of(names: Sequence[str], area: Area, now: datetime) -> Authority:
    """The mesh's own for the identities of workloads, which it alone vouches for."""
    if not all(name.startswith("spiffe://") for name in names):
        return kept_authority(area, now)
    rotation = kept_rotation(area)
    return kept_mesh_authority(area, now) if rotation is None else rotation.signer


def secret_yaml(namespace: str, name: str, authority: Authority, credential: Credential) -> str:
    """The Secret as Kubernetes writes it; ``ca.crt`` serves ``mode: MUTUAL``."""
    files = {
        "tls.crt": credential.chain,
        "tls.key": credential.key,
        "ca.crt": authority.trust_bundle,
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/tls",
        "data": {file: base64.b64encode(pem).decode() for file, pem in files.items()},
    }
    return yaml.safe_dump(secret, sort_keys=False, width=1 << 16)


def _plain(name: str) -> str:
    """``*.shop.example.com`` as the name of an object: ``wildcard-shop-example-com``."""
    words = name.replace("*", "wildcard").lower()
    return "-".join("".join(c if c.isalnum() else " " for c in words).split())


def _write_files(folder: Path, stem: str, authority: Authority, credential: Credential) -> None:
    files: Mapping[str, tuple[bytes, int]] = {
        f"{stem}.crt": (credential.chain, 0o644),
        f"{stem}.key": (credential.key, 0o600),
        "ca.crt": (authority.trust_bundle, 0o644),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, (pem, mode) in files.items():
            write_whole(folder / file, pem, mode)
            complain(f"wrote {folder / file}")
    except OSError as error:
        raise ControlPlaneError(f"{error.filename}: {error.strerror}") from error
