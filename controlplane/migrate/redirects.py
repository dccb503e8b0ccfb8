"""Redirects and rewrites of paths, in the words of Gateway API.

A path is replaced whole where the match says all of it, and by its prefix where both APIs mean the
same prefix. Where Istio leaves out the port of a redirect, Gateway API derives one from the
listener, so that is only the same for the default ports.
Source: https://gateway-api.sigs.k8s.io/reference/spec/#httppathmodifier
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from controlplane.base.codes import NO_COUNTERPART
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.documents.yaml import Data
from controlplane.kinds.istio.virtual_service import HttpRedirect, RedirectPort
from controlplane.migrate.filters import HOSTNAME
from controlplane.migrate.paths import PathType, RoutePath
from controlplane.model.http_match import PathMatch, Prefix
from controlplane.translate.istio.http_action import DEFAULT_PORTS, REDIRECTS

_LONGEST: Final = 1024  # characters of a path


@dataclass(frozen=True, slots=True, order=True)
class ListenerPort:
    """Where a rule is served: the port that a server declares, and whether with TLS."""

    port: int
    https: bool

    @property
    def is_default(self) -> bool:
        return ("https" if self.https else "http", self.port) in DEFAULT_PORTS


def full_path(report: Report, at: FieldRef, text: str) -> dict[str, Data] | None:
    """The modifier that replaces the whole path."""
    if not text.startswith("/") or len(text) > _LONGEST or any(c in text for c in "?#\\%"):
        report.add(NO_COUNTERPART, at, f'Gateway API takes no "{text}" as a path')
        return None
    return {"type": "ReplaceFullPath", "replaceFullPath": text}


def replaced_match(
    report: Report, at: FieldRef, text: str, asked: PathMatch, path: RoutePath
) -> dict[str, Data] | None:
    """The modifier for the part of the path that the match is about, which becomes ``text``."""
    if not isinstance(asked, Prefix):
        return full_path(report, at, text)
    is_whole = path.type is PathType.PATH_PREFIX and path.value != "/" and text != "/"
    if not is_whole or asked.text.endswith("/") != text.endswith("/"):
        report.add(
            NO_COUNTERPART,
            at,
            f'Gateway API replaces prefixes of whole segments, which "{asked.text}" and "{text}" '
            "are not both",
            hint=_two_rules(asked.text),
        )
        return None
    found = full_path(report, at, text.removesuffix("/"))
    if found is None:
        return None
    return {"type": "ReplacePrefixMatch", "replacePrefixMatch": text.removesuffix("/")}


def _two_rules(prefix: str) -> str | None:
    whole = prefix.rstrip("/")
    if not whole:
        return None
    return f'write two rules: exact "{whole}", and prefix "{whole}/" with a uri ending in a slash'


def redirect_filter(
    report: Report,
    at: FieldRef,
    redirect: HttpRedirect,
    ports: Iterable[ListenerPort],
    path: dict[str, Data] | None,
) -> dict[str, Data]:
    """The filter; ``path`` is the modifier of the path, if it changes."""
    status = redirect.redirect_code or 301
    if status not in REDIRECTS:
        report.add(
            NO_COUNTERPART, at / "redirectCode", f"Gateway API does not redirect with {status}"
        )
    data: dict[str, Data] = {}
    if redirect.scheme:
        if redirect.scheme not in ("http", "https"):
            report.add(NO_COUNTERPART, at / "scheme", "Gateway API redirects to http and https")
        data["scheme"] = redirect.scheme
    if redirect.authority:
        if HOSTNAME.fullmatch(redirect.authority) is None:
            report.add(
                NO_COUNTERPART,
                at / "authority",
                f'Gateway API takes no "{redirect.authority}" as a hostname',
                hint='write the port in "port"',
            )
        data["hostname"] = redirect.authority
    data.update(dict(_port(report, at, redirect, tuple(ports))))
    if path is not None:
        data["path"] = path
    data["statusCode"] = status
    return {"type": "RequestRedirect", "requestRedirect": data}


def _port(
    report: Report, at: FieldRef, redirect: HttpRedirect, ports: tuple[ListenerPort, ...]
) -> Iterator[tuple[str, int]]:
    if redirect.derive_port is RedirectPort.FROM_REQUEST_PORT:
        if redirect.scheme:
            numbers = sorted({port.port for port in ports})
            if len(numbers) > 1:
                report.add(
                    NO_COUNTERPART,
                    at / "derivePort",
                    "Gateway API has no port of the listener beside another scheme",
                )
            yield "port", numbers[0]
    elif redirect.port is not None:
        yield "port", redirect.port
    elif not redirect.scheme and not all(port.is_default for port in ports):
        report.add(
            NO_COUNTERPART,
            at,
            "without a scheme Gateway API redirects to the port of the listener, Istio to none",
            hint="write the scheme, or the port",
        )
