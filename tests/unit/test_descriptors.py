"""Envoy's message types are found by name, whether anything here uses them or not."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("envoy.extensions.filters.http.oauth2.v3.OAuth2", True),
        ("xds.type.v3.TypedStruct", True),
        ("google.protobuf.Any", True),
        ("envoy.extensions.filters.http.oauth2.v3.Nothing", False),
        ("xml.dom.Node", False),
        ("", False),
    ],
)
def test_a_type_is_found_in_a_process_that_has_imported_nothing(name: str, found: bool) -> None:
    program = (
        "from controlplane.protobuf.descriptors import message_type\n"
        f"print(message_type({name!r}) is not None)"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (said.stdout, said.stderr) == (f"{found}\n", "")
