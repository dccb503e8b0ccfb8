"""``controlplane cert``: server and client certificates of the local authority, for development.

They come as a Kubernetes Secret that a Gateway's ``credentialName`` can name, or as PEM files.
"""

import base64
import os
from collections.abc import Mapping
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Final

import click
import yaml

from controlplane.base.errors import ControlPlaneError
from controlplane.base.names import ROOT_NAMESPACE
from controlplane.cli.options import example
from controlplane.cli.options import opened_state
from controlplane.cli.options import state_option
from controlplane.cli.output import complain
from controlplane.cli.output import say
from controlplane.identity.authority import Authority
from controlplane.identity.authority import kept_authority
from controlplane.identity.authority import new_key
from controlplane.identity.certificates import Credential
from controlplane.identity.certificates import client_credential
from controlplane.identity.certificates import general_name
from controlplane.identity.certificates import new_rsa_key
from controlplane.identity.certificates import server_credential

_TRUST: Final = """\
To trust it, save it as ca.crt (controlplane cert --trust > ca.crt) and then:
  curl              curl --cacert ca.crt https://…
  Debian, Ubuntu    sudo cp ca.crt /usr/local/share/ca-certificates/controlplane.crt
                    sudo update-ca-certificates
  macOS             sudo security add-trusted-cert -d -r trustRoot \\
                        -k /Library/Keychains/System.keychain ca.crt
  Chrome on Linux   certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n controlplane -i ca.crt
  Firefox           Settings, Privacy & Security, View Certificates, Authorities, Import
Who holds the state directory can sign for any name: trust it only where you develop."""


def _name(text: str) -> str:
    try:
        general_name(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return text


def _secret_name(text: str) -> tuple[str, str]:
    namespace, slash, name = text.partition("/")
    if not slash or not namespace or not name or "/" in name:
        raise click.BadParameter(f'"{text}" is not NAMESPACE/NAME')
    return namespace, name


@click.command(
    epilog=example(
        "controlplane cert shop.example.com --secret istio-system/shop > mesh/shop-secret.yaml",
        "curl --cacert <(controlplane cert --trust) https://shop.example.com/",
    )
)
@click.argument("names", nargs=-1, type=_name, metavar="[NAME]...")
@click.option(
    "--secret",
    type=_secret_name,
    metavar="NAMESPACE/NAME",
    help="What to call the Secret.  [default: istio-system/ and NAME with dashes]",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write NAME.crt, NAME.key and ca.crt there instead of printing a Secret.",
)
@click.option(
    "--secrets",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write the Secret as files there, as serve --secrets reads them.",
)
@click.option(
    "--days",
    default=365,
    show_default=True,
    type=click.IntRange(1, 3650),
    metavar="N",
    help="Its life.",
)
@click.option(
    "--key",
    "key_type",
    default="ecdsa",
    show_default=True,
    type=click.Choice(["ecdsa", "rsa"]),
    help="P-256, or RSA with 2048 bits for old clients.",
)
@click.option("--client", is_flag=True, help="For a client to show, not for a server.")
@click.option(
    "--trust", is_flag=True, help="Print the authority's certificate and how to trust it."
)
@state_option
def cert(
    names: tuple[str, ...],
    secret: tuple[str, str] | None,
    out: Path | None,
    secrets: Path | None,
    days: int,
    key_type: str,
    client: bool,
    trust: bool,
    state: Path | None,
) -> None:
    """Issue a certificate of the local authority.

    NAMEs are what it is for: host names, also *.example.com, IP addresses and URIs. The output
    holds the private key.
    """
    if bool(names) == trust:
        raise click.UsageError("name what the certificate is for, or ask for --trust")
    if out is not None and (secret is not None or secrets is not None):
        raise click.UsageError("--out excludes --secret and --secrets")
    now = datetime.now(UTC)
    authority = kept_authority(opened_state(state).authority, now)
    if trust:
        say(authority.trust_bundle.decode().rstrip())
        complain(_TRUST)
        return
    kind = client_credential if client else server_credential
    key = new_rsa_key() if key_type == "rsa" else new_key()
    credential = kind(authority, names, now, timedelta(days=days), key)
    namespace, name = secret or (ROOT_NAMESPACE, _plain(names[0]))
    if out is not None:
        stem = names[0].replace("*", "_").replace("/", "_").replace(":", "_")
        _write_files(out, stem, authority, credential)
    elif secrets is not None:
        _write_files(secrets / namespace / name, "tls", authority, credential)
    else:
        say(secret_yaml(namespace, name, authority, credential).rstrip())


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
            _write(folder / file, pem, mode)
            complain(f"wrote {folder / file}")
    except OSError as error:
        raise ControlPlaneError(f"{error.filename}: {error.strerror}") from error


def _write(path: Path, pem: bytes, mode: int) -> None:
    """Write beside it, then rename: nobody reads a half, nor a key through a file opened before."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(pem)
    draft.rename(path)
