"""Values of rules of AuthorizationPolicies that cannot be what they are compared with, or are
compared otherwise than they look.

Source: https://istio.io/latest/docs/reference/config/security/authorization-policy/; Istio
``pilot/pkg/security/authz/model``
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from controlplane.base.codes import (
    ASTERISK_IS_LITERAL,
    BLOCK_HAS_HOST_BITS,
    POLICY_VALUE_NEVER_MATCHES,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.wording import listed
from controlplane.kinds.istio.authorization_policy import AuthorizationPolicy
from controlplane.kinds.object import Object
from controlplane.kinds.validation.authorization_rules import is_path_template
from controlplane.queries.analysis.policy_fields import policy_fields

Mistake = tuple[str, str]
"""What is wrong with a value, and what to do about it."""
Check = Callable[[str], Mistake | None]
_ACCOUNT: Final = re.compile(r"[^/]+/ns/[^/]+/sa/[^/]+")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, method
_IDENTITY: Final = "TRUST_DOMAIN/ns/NAMESPACE/sa/ACCOUNT"


def check_values(
    report: Report, policy: Object[AuthorizationPolicy], domains: frozenset[str] | None
) -> None:
    """``domains``: the trust domains of who may call; ``None`` where others may as well."""
    checks: Mapping[str, Check] = {
        **_CHECKS,
        "principals": lambda value: _principal(value, domains),
    }
    for at, compared, values in compared_values(policy):
        check = checks.get(compared)
        for i, value in enumerate(values):
            if compared in _ADDRESSES:
                _check_block(report, at / i, value)
                continue
            mistake = check(value) if check is not None else None
            if mistake is not None:
                report.add(POLICY_VALUE_NEVER_MATCHES, at / i, mistake[0], hint=mistake[1])
            elif compared in _WITH_ASTERISK and _has_literal_asterisk(compared, value):
                _report_asterisk(report, at / i, compared, value)


def compared_values(
    policy: Object[AuthorizationPolicy],
) -> Iterator[tuple[FieldRef, str, tuple[str, ...]]]:
    """Each list of values, and the field of a source or operation whose form they have."""
    for field in policy_fields(policy):
        yield field.values_at, field.subject, field.values
        yield field.others_at, field.subject, field.others


def _principal(value: str, domains: frozenset[str] | None) -> Mistake | None:
    if value.startswith("spiffe://"):
        message = f'"{value}" is compared with what follows spiffe://, so it never matches'
        return message, f"write {value.removeprefix('spiffe://')}"
    if "*" in value or domains is None:
        return None
    parts = value.split("/")
    hint = f"write {_IDENTITY}"
    if parts[0] not in domains:
        if len(parts) == 2 and all(parts):
            hint = f"write cluster.local/ns/{parts[0]}/sa/{parts[1]}"
        elif _ACCOUNT.fullmatch(value) is not None:
            hint = f"write cluster.local{value.removeprefix(parts[0])}"
            hint += ", or add the trust domain to trustDomainAliases of MeshConfig"
        known = listed(sorted(domains))
        message = f'"{value}" never matches: the trust domain of callers is {known}'
        return message, hint
    if _ACCOUNT.fullmatch(value) is None:
        return f'"{value}" never matches: an identity is {_IDENTITY}', hint
    return None


def request_principal_mistake(value: str) -> Mistake | None:
    issuer = value.partition("://")[2] if "://" in value else value
    if "*" in value or "/" in issuer:
        return None
    message = f'"{value}" never matches: it is compared with ISSUER/SUBJECT of the token'
    return message, f'write "{value}/*" for every subject of an issuer'


def _host(value: str) -> Mistake | None:
    scheme, _, rest = value.rpartition("://")
    host = rest.partition("/")[0]
    if host == value or not host:
        return None
    more = "scheme" if scheme else "path"
    return f'"{value}" never matches: the host of a request has no {more}', f"write {host}"


def _path(value: str) -> Mistake | None:
    if value.startswith("*"):
        return None
    if "://" in value:
        path = "/" + value.partition("://")[2].partition("/")[2]
        return f'"{value}" never matches: it is compared with the path alone', f"write {path}"
    if not value.startswith("/"):
        return f'"{value}" never matches: a path begins with a slash', f"write /{value}"
    path = re.split("[?#]", value)[0]
    if path != value:
        message = f'"{value}" never matches: paths are compared without query and fragment'
        return message, f"write {path}"
    return None


def _method(value: str) -> Mistake | None:
    plain = value.strip("*")
    words = re.split(r"[\s,|]+", plain)
    if len(words) > 1:
        message = f'"{value}" never matches: each value is one method'
        return message, f"write [{', '.join(word.upper() for word in words if word)}]"
    if plain and (plain != plain.upper() or _TOKEN.fullmatch(plain) is None):
        message = f'"{value}" never matches: methods are compared as they are sent, in capitals'
        return message, f"write {value.upper()}"
    return None


def _has_literal_asterisk(compared: str, value: str) -> bool:
    """Whether an asterisk remains when the one at the end or else the one at the start is gone."""
    if compared == "paths" and is_path_template(value):
        return False
    if compared == "request_principals":
        return any(_has_literal_asterisk("", part) for part in value.rpartition("/")[::2])
    rest = value[:-1] if value.endswith("*") else value.removeprefix("*")
    return "*" in rest


def _report_asterisk(report: Report, at: FieldRef, compared: str, value: str) -> None:
    hint = "write one asterisk, at the start or at the end"
    template = "/".join("{*}" if part == "*" else part for part in value.split("/"))
    if (once := value.replace("**", "*")) != value and not _has_literal_asterisk(compared, once):
        hint = f'write "{once}"'
    elif compared == "paths" and "*" not in template.replace("{*}", ""):
        hint = f'write "{template}", where {{*}} is one segment'
    message = "only one asterisk, at the start or at the end, matches any text"
    message += f', and "{value}" has another, which matches itself alone'
    report.add(ASTERISK_IS_LITERAL, at, message, hint=hint)


def _check_block(report: Report, at: FieldRef, value: str) -> None:
    """Admission has seen to it that it is an address or a block."""
    try:
        block = ipaddress.ip_interface(value)
    except ValueError:
        return
    if block.ip != block.network.network_address:
        report.add(
            BLOCK_HAS_HOST_BITS,
            at,
            f"{value} is every address of {block.network}",
            hint=f"write {block.network}, or {block.ip} for that address alone",
        )


_CHECKS: Final[Mapping[str, Check]] = {
    "request_principals": request_principal_mistake,
    "hosts": _host,
    "paths": _path,
    "methods": _method,
}
_ADDRESSES: Final = frozenset({"ip_blocks", "remote_ip_blocks"})
_WITH_ASTERISK: Final = frozenset(
    {
        *("principals", "request_principals", "hosts", "paths", "methods", "connection.sni"),
        *("request.headers", "request.auth.audiences", "request.auth.presenter"),
        "request.auth.claims",
    }
)
