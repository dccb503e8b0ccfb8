"""What a WasmPlugin must be, and the Wasm part of a TrafficExtension.

Lengths count bytes, as the webhook does: it is stricter than the CRD, which counts characters.
Source: Istio ``pkg/config/validation/validation.go`` (ValidateWasmPlugin), the CRD
"""

import re
from typing import Final

from controlplane.base.codes import (
    CANNOT_WORK,
    MISSING_FIELD,
    NO_EFFECT,
    NOT_ALLOWED_HERE,
    NOT_UNIQUE,
    UNKNOWN_VALUE,
    VALUE_MALFORMED,
    WRONG_SIZE,
)
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.base.urls import parsed, parsed_request
from controlplane.kinds.istio.traffic_extension import WasmConfig
from controlplane.kinds.istio.wasm_plugin import (
    EnvValueSource,
    EnvVar,
    TrafficSelector,
    WasmPlugin,
)
from controlplane.kinds.validation.checks import About, check_count, check_length, check_port
from controlplane.kinds.validation.policy_attachment import check_attachment

SCHEMES: Final = ("", "file", "http", "https", "oci")
NAME_LIMIT: Final = 256  # bytes
SECRET_LIMIT: Final = 253  # bytes
VALUE_LIMIT: Final = 2048  # characters; only the CRD has it
ENV_LIMIT: Final = 256
_SHA256: Final = re.compile(r"[a-f0-9]{64}")


def wasm_plugin(report: Report, at: FieldRef, spec: WasmPlugin, about: About) -> None:
    check_attachment(report, at, spec, about.body)
    check_wasm(report, at, spec)
    check_traffic(report, at / "match", spec.match)


def check_wasm(report: Report, at: FieldRef, wasm: WasmPlugin | WasmConfig) -> None:
    """The module: where it is, which one it must be, and what it is given."""
    _check_url(report, at / "url", wasm.url)
    if wasm.sha256 and _SHA256.fullmatch(wasm.sha256) is None:
        _report_checksum(report, at / "sha256", wasm.sha256)
    for name, value, limit in (
        ("pluginName", wasm.plugin_name, NAME_LIMIT),
        ("imagePullSecret", wasm.image_pull_secret, SECRET_LIMIT),
    ):
        if value is not None:
            check_bytes(report, at / name, value, limit)
    if wasm.verification_key:
        message = "verificationKey is reserved: Istio does not verify signatures of modules"
        report.add(NO_EFFECT, at / "verificationKey", message)
    if wasm.vm_config is not None:
        _check_env(report, at / "vmConfig" / "env", wasm.vm_config.env)


def check_bytes(report: Report, at: FieldRef, text: str, limit: int) -> None:
    """At least a byte, at most ``limit``."""
    size = len(text.encode())
    if not text:
        report.add(WRONG_SIZE, at, "the text is empty", hint="give it a value, or remove the field")
    elif size > limit:
        report.add(WRONG_SIZE, at, f"the text is {size} bytes long (at most {limit})")


def _check_url(report: Report, at: FieldRef, url: str) -> None:
    """What is no URL may become one behind ``http://``: admission takes that, and whoever applies
    the plugin then drops it, unless it is the name of an image.
    """
    if not url:
        report.add(MISSING_FIELD, at, "url is missing", hint="name an image, a URL or a file")
        return
    behind = url if parsed_request(url) is not None else f"http://{url}"
    found = parsed_request(behind)
    if found is None or parsed(behind) is None:
        report.add(VALUE_MALFORMED, at, f'"{url}" is not a URL')
    elif found.scheme not in SCHEMES:
        message = f'the scheme "{found.scheme}" is not one of oci, https, http and file'
        hint = "write oci:// before the name of an image" if "://" not in url else None
        report.add(UNKNOWN_VALUE, at, message, hint=hint)
    elif parsed(url) is None:
        hint = "write oci:// before the name of an image" if "://" not in url else None
        report.add(CANNOT_WORK, at, f'"{url}" cannot be read, so the plugin is left out', hint=hint)
    elif found.scheme in ("http", "https") and not found.host:
        message = f'"{url}" has no host, so nothing can be fetched'
        report.add(CANNOT_WORK, at, message, hint="write https://HOST/PATH")


def _report_checksum(report: Report, at: FieldRef, checksum: str) -> None:
    hint = None
    if checksum.startswith("sha256:"):
        hint = f"write {checksum.removeprefix('sha256:')}"
    elif _SHA256.fullmatch(checksum.lower()) is not None:
        hint = f"write {checksum.lower()}"
    message = f'"{checksum}" is not 64 hexadecimal digits in lower case'
    report.add(VALUE_MALFORMED, at, message, hint=hint)


def _check_env(report: Report, at: FieldRef, variables: tuple[EnvVar, ...]) -> None:
    seen: set[str] = set()
    for i, variable in enumerate(variables):
        if not variable.name:
            report.add(MISSING_FIELD, at / i / "name", "the variable's name is missing")
            continue
        check_bytes(report, at / i / "name", variable.name, NAME_LIMIT)
        if variable.name in seen:
            report.add(NOT_UNIQUE, at / i / "name", f'"{variable.name}" is set twice')
        seen.add(variable.name)
        if variable.value is None:
            continue
        if variable.value_from is EnvValueSource.HOST:
            message = f"{variable.name} comes from the proxy's environment, so it has no value"
            hint = "remove value, or valueFrom"
            report.add(NOT_ALLOWED_HERE, (at / i / "value").key, message, hint=hint)
        check_length(report, at / i / "value", variable.value, VALUE_LIMIT)
    check_count(report, at, variables, ENV_LIMIT, "variables")


def check_traffic(report: Report, at: FieldRef, match: tuple[TrafficSelector, ...]) -> None:
    """Listeners that a plugin is for: each port once in an item."""
    for i, selector in enumerate(match):
        seen: set[int] = set()
        for j, port in enumerate(selector.ports):
            place = at / i / "ports" / j / "number"
            check_port(report, place, port.number)
            if port.number in seen:
                report.add(NOT_UNIQUE, place, f"port {port.number} is named twice")
            seen.add(port.number)
