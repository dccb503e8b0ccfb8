"""What a RequestAuthentication must be.

Source: https://istio.io/latest/docs/reference/config/security/request_authentication/, its CRD,
Istio ``pkg/config/validation/validation.go`` (validateJwtRule),
``pkg/config/security/security.go`` (ParseJwksURI)
"""

import re
from collections.abc import Mapping
from typing import Final

from controlplane.base.codes import (
    CANNOT_WORK,
    MISSING_FIELD,
    MUTUALLY_EXCLUSIVE,
    NO_EFFECT,
    PRIVATE_KEY_SHOWN,
    VALUE_MALFORMED,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.urls import parsed, parsed_request
from controlplane.kinds.istio.request_authentication import (
    ClaimToHeader,
    JwtRule,
    RequestAuthentication,
)
from controlplane.kinds.validation.checks import (
    PORT_LIMIT,
    About,
    check_count,
    check_duration,
    check_length,
)
from controlplane.kinds.validation.key_set import KeySetMalformed, checked_keys
from controlplane.kinds.validation.policy_attachment import check_attachment

RULES_LIMIT: Final = 4096
URI_LIMIT: Final = 2048  # characters
SPACE_DELIMITED_LIMIT: Final = 64
SCHEMES: Final = ("http", "https")
_HEADER: Final = re.compile(r"[-_A-Za-z0-9]+")
_FIELD_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, token
_INT_LIMIT: Final = 2**63 - 1  # Go, strconv.Atoi


def request_authentication(
    report: Report, at: FieldRef, spec: RequestAuthentication, about: About
) -> None:
    check_attachment(report, at, spec, about.body)
    for i, rule in enumerate(spec.jwt_rules):
        written = _written(about.body.get("jwtRules"), i)
        _check_rule(report, at / "jwtRules" / i, rule, written)
        _check_names(report, at / "jwtRules" / i, written)
    check_count(report, at / "jwtRules", spec.jwt_rules, RULES_LIMIT, "rules")


def _written(rules: object, index: int) -> Mapping[str, object]:
    """A rule as it was written, even what is of no right type."""
    rule = rules[index] if isinstance(rules, list) and index < len(rules) else None
    return rule if isinstance(rule, Mapping) else {}


def _check_rule(report: Report, at: FieldRef, rule: JwtRule, written: Mapping[str, object]) -> None:
    _check_source(report, at, rule, written)
    for i, audience in enumerate(rule.audiences):
        _check_filled(report, at / "audiences" / i, audience, "audience")
    for i, header in enumerate(rule.from_headers):
        _check_header(report, at / "fromHeaders" / i / "name", header.name)
    for i, parameter in enumerate(rule.from_params):
        _check_filled(report, at / "fromParams" / i, parameter, "query parameter")
    for i, cookie in enumerate(rule.from_cookies):
        _check_filled(report, at / "fromCookies" / i, cookie, "cookie's name")
    for i, output in enumerate(rule.output_claim_to_headers):
        _check_output(report, at / "outputClaimToHeaders" / i, output)
    payload = rule.output_payload_to_header
    if payload and _FIELD_NAME.fullmatch(payload) is None:
        report.add(CANNOT_WORK, at / "outputPayloadToHeader", f'no header can be named "{payload}"')
    check_duration(report, at / "timeout", rule.timeout)
    for i, claim in enumerate(rule.space_delimited_claims):
        _check_filled(report, at / "spaceDelimitedClaims" / i, claim, "claim")
    check_count(
        report,
        at / "spaceDelimitedClaims",
        rule.space_delimited_claims,
        SPACE_DELIMITED_LIMIT,
        "claims",
    )


def _check_names(report: Report, at: FieldRef, written: Mapping[str, object]) -> None:
    """``jwks_uri`` is the same field as ``jwksUri``; only one of them may be written."""
    if "jwksUri" in written and "jwks_uri" in written:
        message = "jwksUri is written twice, as jwks_uri too"
        report.add(MUTUALLY_EXCLUSIVE, (at / "jwks_uri").key, message, hint="keep one of them")


def _check_source(
    report: Report, at: FieldRef, rule: JwtRule, written: Mapping[str, object]
) -> None:
    """Whose tokens they are, and where their keys are. What is of a wrong type is not missing."""
    if all(written.get(name) in (None, "") for name in ("issuer", "jwksUri", "jwks_uri")):
        hint = "name the issuer as in the claim iss of its tokens"
        report.add(MISSING_FIELD, at / "issuer", "issuer and jwksUri are missing", hint=hint)
    elif rule.issuer == "":
        report.add(VALUE_MALFORMED, at / "issuer", "the issuer is empty", hint="leave it out")
    if rule.jwks is not None and rule.jwks_uri is not None:
        message = "jwks and jwksUri exclude each other"
        report.add(MUTUALLY_EXCLUSIVE, (at / "jwksUri").key, message, hint="keep one of them")
    if rule.jwks_uri is not None:
        _check_uri(report, at / "jwksUri", rule.jwks_uri)
    if rule.jwks:
        _check_keys(report, at / "jwks", rule.jwks)


def _check_uri(report: Report, at: FieldRef, uri: str) -> None:
    check_length(report, at, uri, URI_LIMIT)
    if len(uri) > URI_LIMIT:
        return
    if not uri:
        report.add(VALUE_MALFORMED, at, "the address is empty")
        return
    found = parsed(uri)
    if found is None or parsed_request(uri) is None or int(found.port or 0) > _INT_LIMIT:
        report.add(VALUE_MALFORMED, at, f'"{uri[:60]}" is not a URL')
    elif found.scheme not in SCHEMES:
        report.add(VALUE_MALFORMED, at, f'"{uri[:60]}" is not an address of http or https')
    elif not found.hostname:
        report.add(CANNOT_WORK, at, f'"{uri}" names no host, so no keys can be fetched')
    elif int(found.port or 0) > PORT_LIMIT:
        report.add(CANNOT_WORK, at, f"port {found.port} is above {PORT_LIMIT}")


def _check_keys(report: Report, at: FieldRef, text: str) -> None:
    try:
        keys = checked_keys(text)
    except KeySetMalformed as fault:
        report.add(VALUE_MALFORMED, at, f"the key set {fault}")
        return
    for i, key in enumerate(keys.keys):
        if key.is_private:
            message = f"key {i} is a private key; only public keys verify tokens"
            hint = "write its public part; who can read this key can sign tokens"
            report.add(PRIVATE_KEY_SHOWN, at, message, hint=hint)
        if not key.has_known_curve:
            message = f"key {i} is of an unknown curve, so it verifies no token"
            report.add(CANNOT_WORK, at, message)
    if keys.is_single:
        message = "a single key is no key set for Envoy, so no token of the issuer is accepted"
        report.add(CANNOT_WORK, at, message, hint='write {"keys": [KEY]}')
    elif not keys.keys:
        message = "the key set has no keys, so no token of the issuer is accepted"
        report.add(CANNOT_WORK, at, message, hint="add the issuer's public keys")


def _check_filled(report: Report, at: FieldRef, text: str, noun: str) -> None:
    if not text:
        report.add(VALUE_MALFORMED, at, f"the {noun} is empty")


def _check_header(report: Report, at: FieldRef, name: str) -> None:
    if not name:
        report.add(MISSING_FIELD, at, "the header's name is missing")
    elif _FIELD_NAME.fullmatch(name) is None:
        report.add(NO_EFFECT, at, f'no request can have a header named "{name}"')


def _check_output(report: Report, at: FieldRef, output: ClaimToHeader) -> None:
    if not output.header:
        report.add(MISSING_FIELD, at / "header", "the header is missing")
    elif _HEADER.fullmatch(output.header) is None:
        message = f'"{output.header}" is not a header name of letters, digits, - and _'
        report.add(VALUE_MALFORMED, at / "header", message)
    if not output.claim:
        report.add(MISSING_FIELD, at / "claim", "the claim is missing")
