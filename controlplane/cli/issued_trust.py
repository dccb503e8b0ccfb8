"""What a proxy gets from the local authority: a token and the certificate to trust."""

from datetime import datetime, timedelta

from controlplane.envoy.bootstrap import Node, Trust
from controlplane.identity.authority import kept_authority
from controlplane.identity.identity import XDS_NAME
from controlplane.identity.token_keys import kept_token_keys
from controlplane.identity.tokens import Tokens
from controlplane.sources.state import StateDirectory


def issued_trust(state: StateDirectory, node: Node, life: timedelta, now: datetime) -> Trust:
    """A new token for ``node`` and the authority that the xDS server's certificate is signed by."""
    token = Tokens.of(kept_token_keys(state.authority)).issue(
        node.namespace, node.service_account, node.role, now=now, life=life
    )
    return Trust(
        token=token,
        root_certificate=kept_authority(state.authority, now).trust_bundle.decode(),
        server_name=XDS_NAME,
    )
