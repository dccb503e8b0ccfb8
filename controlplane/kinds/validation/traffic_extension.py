"""What a TrafficExtension must be.

Source: Istio ``pkg/config/validation/validation.go`` (ValidateTrafficExtension), the CRD
"""

from typing import Final

from controlplane.base.codes import MISSING_FIELD, MUTUALLY_EXCLUSIVE
from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.traffic_extension import TrafficExtension
from controlplane.kinds.validation.checks import About
from controlplane.kinds.validation.lua import check_lua
from controlplane.kinds.validation.policy_attachment import check_attachment
from controlplane.kinds.validation.wasm_plugin import check_bytes, check_traffic, check_wasm

CODE_LIMIT: Final = 65_536  # bytes


def traffic_extension(report: Report, at: FieldRef, spec: TrafficExtension, about: About) -> None:
    check_attachment(report, at, spec, about.body)
    if spec.wasm is not None and spec.lua is not None:
        message = "wasm and lua exclude each other"
        report.add(MUTUALLY_EXCLUSIVE, (at / "lua").key, message, hint="keep one of them")
    elif spec.wasm is None and spec.lua is None and not {"wasm", "lua"} & about.body.keys():
        message = "neither wasm nor lua is there, so there is nothing to run"
        report.add(MISSING_FIELD, at, message, hint="give it wasm.url or lua.inlineCode")
    if spec.wasm is not None:
        check_wasm(report, at / "wasm", spec.wasm)
    if spec.lua is not None:
        if spec.lua.inline_code:
            check_bytes(report, at / "lua" / "inlineCode", spec.lua.inline_code, CODE_LIMIT)
            check_lua(report, at / "lua" / "inlineCode", spec.lua.inline_code)
        else:
            report.add(MISSING_FIELD, at / "lua" / "inlineCode", "inlineCode is missing")
    check_traffic(report, at / "match", spec.match)
