"""The environment variables of a proxy: which of them change something here.

Source: Istio ``pilot/cmd/pilot-agent/options/options.go``, ``pkg/istio-agent``
"""

from collections.abc import Mapping
from typing import Final

AGENTS: Final[Mapping[str, str]] = {
    "BOOTSTRAP_XDS_AGENT": "the bootstrap is no agent's",
    "CA_ADDR": "certificates come by SDS from the control plane",
    "CREDENTIAL_FETCHER_TYPE": "the token is in the bootstrap, or in --token-file",
    "DNS_AGENT": "nothing here answers the DNS of applications",
    "DNS_PROXY_ADDR": "nothing here answers the DNS of applications",
    "ECC_CURVE": "the control plane makes the keys",
    "ECC_SIGNATURE_ALGORITHM": "the control plane makes the keys",
    "EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "a gateway that drains ends when nothing is open any more",
    "FILE_MOUNTED_CERTS": "certificates come by SDS from the control plane",
    "ISTIO_BOOTSTRAP": "the bootstrap is that of controlplane bootstrap",
    "ISTIO_BOOTSTRAP_OVERRIDE": "give the file to Envoy: --config-yaml",
    "ISTIO_DELTA_XDS": "proxies use the delta protocol always",
    "ISTIO_META_DNS_AUTO_ALLOCATE": "nothing here answers the DNS of applications",
    "ISTIO_META_DNS_CAPTURE": "nothing here answers the DNS of applications",
    "MINIMUM_DRAIN_DURATION": "a gateway that drains ends when nothing is open any more",
    "OUTPUT_CERTS": "certificates come by SDS from the control plane",
    "PILOT_CERT_PROVIDER": "the authority is the control plane's",
    "PKCS8_KEY": "the control plane makes the keys",
    "PROV_CERT": "certificates come by SDS from the control plane",
    "PROXY_XDS_VIA_AGENT": "proxies connect to the control plane themselves",
    "SECRET_TTL": "give --certificate-life to the control plane",
}
"""Variables that only Istio's agent reads, each with what holds here instead."""
_LOADER: Final = ("LD_", "GLIBC_TUNABLES", "DYLD_")


def is_harmful(name: str) -> bool:
    """Whether a variable would load other code into Envoy: it is never passed on."""
    return not name or "=" in name or "\0" in name or name.startswith(_LOADER)


def no_effect(name: str) -> str | None:
    """Why a variable changes nothing; ``None``: it is passed on."""
    if is_harmful(name):
        return "it would have Envoy load other code, or is no variable's name"
    return AGENTS.get(name)
