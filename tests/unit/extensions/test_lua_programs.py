"""Programs of Lua that Envoy would not compile are reported at their line."""

import pytest

from controlplane.base.diagnostics import Report
from controlplane.base.locations import FieldRef
from controlplane.kinds.istio.mesh_config import MESH_CONFIG_KEY
from controlplane.kinds.validation.lua import check_lua
from tests.support.checked import checked
from tests.support.lua_programs import ACCEPTED, REFUSED

EXTENSION = """\
apiVersion: extensions.istio.io/v1alpha1
kind: TrafficExtension
metadata: {name: script}
spec:
  lua:
    inlineCode: |
      function envoy_on_request(handle)
        if handle:headers():get("a") the
        end
      end
"""
FILTER = """\
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: script}
spec:
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: GATEWAY}
    patch:
      operation: INSERT_FIRST
      value:
        name: lua
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
          SOURCE
"""
PER_ROUTE = """\
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: script}
spec:
  configPatches:
  - applyTo: VIRTUAL_HOST
    match: {context: GATEWAY}
    patch:
      operation: MERGE
      value:
        typedPerFilterConfig:
          lua:
            "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute
            sourceCode: {inlineString: "x = ("}
"""


def faults(code: str) -> list[str]:
    report = Report()
    check_lua(report, FieldRef(MESH_CONFIG_KEY), code)
    return [each.message for each in report]


@pytest.mark.parametrize("code", ACCEPTED, ids=lambda text: text[:40])
def test_what_envoy_compiles_is_nothing_to_report(code: str) -> None:
    assert faults(code) == []


@pytest.mark.parametrize("code", REFUSED, ids=lambda text: text[:40])
def test_what_envoy_does_not_compile_is_reported(code: str) -> None:
    (message,) = faults(code)

    assert message.startswith("the program does not compile, so Envoy refuses every listener")


def test_bytecode_is_no_text_and_is_not_read() -> None:
    assert faults("\x1bLJ\x02") == []


def test_no_program_is_run() -> None:
    assert faults("while true do end error('never')") == []


def test_the_line_of_the_program_is_shown() -> None:
    (found,) = checked(EXTENSION)

    assert found.startswith("8:")
    assert "CP0584" in found
    assert "'then' expected near 'the'" in found


@pytest.mark.parametrize(
    "source",
    [
        'inline_code: "x = ("',
        'inlineCode: "x = ("',
        'default_source_code: {inline_string: "x = ("}',
        'defaultSourceCode: {inlineString: "x = ("}',
        'source_codes: {a.lua: {inline_string: "x = ("}}',
    ],
)
def test_so_it_is_in_the_filter_of_an_envoy_filter(source: str) -> None:
    found = [each for each in checked(FILTER.replace("SOURCE", source)) if "CP0584" in each]

    assert len(found) == 1
    assert found[0].startswith("14:")


def test_so_it_is_in_the_configuration_of_a_route() -> None:
    assert any("CP0584" in each for each in checked(PER_ROUTE))
