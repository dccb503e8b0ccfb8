"""What a proxy gets from the local authority: a token and the certificate to trust."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import click

from controlplane.cli.inputs import state_to_issue_from
from controlplane.cli.issued_token import ENVOY_FORMS
from controlplane.cli.options import StatePlace
from controlplane.envoy.bootstrap import Node, Trust
from controlplane.identity.authority import kept_authority
from controlplane.identity.identity import TOKEN_LIFE, XDS_NAME
from controlplane.identity.token_keys import kept_token_keys
from controlplane.identity.tokens import Tokens
from controlplane.sources.state import StateDirectory


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPlace:
    """Where the token and the root certificate of a bootstrap come from; ``None``: not said."""

    state: StatePlace
    token: Path | None
    """A file with the token, which is copied."""
    followed: Path | None
    """The file from which Envoy reads its token."""
    root: Path | None
    days: int | None
    group: str | None = None
    """The WorkloadGroup that a token which is issued names."""

    def check(self, *, issues_here: bool) -> None:
        """``UsageError`` where options exclude each other. ``issues_here``: the token is printed,
        or there is none.
        """
        if self.token is not None and (self.state.path is not None or issues_here):
            raise click.UsageError("--token excludes --state, --insecure-xds and --only-token")
        if self.followed is not None and (self.token is not None or issues_here):
            raise click.UsageError("--token-file excludes --token, --insecure-xds and --only-token")
        if self.token is not None and self.root is None:
            raise click.UsageError("--token and --root-cert go together")
        if self.root is not None:
            if self.token is None and self.followed is None:
                raise click.UsageError("--root-cert goes with --token or --token-file")
            if self.state.path is not None:
                raise click.UsageError("--root-cert excludes --state, which has it")
        if self.days is not None and (self.token is not None or self.followed is not None):
            raise click.UsageError("--days is for a token that this command issues")
        if self.group is not None and (self.token is not None or self.followed is not None):
            raise click.UsageError("--group is for a token that this command issues")
        if self.followed is not None and self.followed.suffix not in ENVOY_FORMS:
            raise click.UsageError(
                f'--token-file "{self.followed}" does not end in .yaml, .yml or .json, by which '
                "Envoy knows what is in it (controlplane token --out FILE)"
            )


def trust_of(place: TokenPlace, node: Node, now: datetime) -> Trust:
    """What a bootstrap of ``node`` is to hold."""
    if place.root is None:
        state = state_to_issue_from(place.state)
        if place.followed is not None:
            return _trust(place.followed, _root(state, now))
        days = place.days if place.days is not None else TOKEN_LIFE.days
        return issued_trust(state, node, timedelta(days=days), now, place.group)
    root_certificate = place.root.read_text()
    if "BEGIN CERTIFICATE" not in root_certificate:
        raise click.UsageError(f"{place.root} holds no PEM certificate (controlplane cert --trust)")
    if place.followed is not None:
        return _trust(place.followed, root_certificate)
    assert place.token is not None, "a root certificate comes with one of the two"
    token = place.token.read_text().strip()
    if token.count(".") != 2 or not token.isascii() or len(token.split()) != 1:
        raise click.UsageError(f"{place.token} holds no token (controlplane token)")
    return _trust(token, root_certificate)


def issued_trust(
    state: StateDirectory, node: Node, life: timedelta, now: datetime, group: str | None = None
) -> Trust:
    """A new token for ``node``, of ``group``, and the authority that the xDS server's certificate
    is signed by.
    """
    token = Tokens.of(kept_token_keys(state.authority)).issue(
        node.namespace, node.service_account, node.role, now=now, life=life, group=group
    )
    return _trust(token, _root(state, now))


def _root(state: StateDirectory, now: datetime) -> str:
    return kept_authority(state.authority, now).trust_bundle.decode()


def _trust(token: str | Path, root_certificate: str) -> Trust:
    return Trust(token=token, root_certificate=root_certificate, server_name=XDS_NAME)
