"""Whatever is wrong with a document, nothing that is shown of it is key material or a password."""

import base64
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings, strategies as st

from controlplane.cli.diagnostic_text import as_text, diagnostic_texts
from controlplane.cli.engine_files import EngineFiles
from controlplane.documents.redact import redacted, redacted_message
from controlplane.engine.engine import Engine
from controlplane.engine.mesh_file import mesh_file
from controlplane.kinds.istio.mesh_config import MeshConfig
from tests.support.properties import examples

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
PASSWORD: Final = "hunter2xyz"
KEY: Final = base64.b64encode(bytes(range(101, 149))).decode()
PEM: Final = f"-----BEGIN PRIVATE KEY-----\n{KEY}\n-----END PRIVATE KEY-----"
PART: Final = 8  # characters of a secret that may be shown neither

SECRETS: Final = (
    "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  password: SECRET\n",
    "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {tls.key: SECRET}\n",
    "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: SECRET\n",
    "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: [SECRET]\n",
    "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\npassword: SECRET\n",
    "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n"
    '  password: "SECRET"\n  x: 1\n',
    "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  tls.key: |\n    SECRET\n",
    "apiVersion: v1\nkind: Secrets\nmetadata: {name: a}\nstringData:\n  password: SECRET\n",
    "apiVersion: v1\nmetadata: {name: a}\ndata:\n  password: SECRET\n",
    "apiVersion: v1\nkind: List\nitems:\n- kind: Secret\n  apiVersion: v1\n  metadata: {name: a}\n"
    "  stringData: {password: SECRET}\n",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {password: SECRET, x: [1]}\n",
    "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: a}\n"
    "spec: {password: SECRET}\n",
    '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "stringData": '
    '{"password": "SECRET"}}\n',
)
MISTAKES: Final = (*":{}[]|&*%#\"'", "\n", "\t", "", ": ", "- ")


def shown_of(text: str) -> str:
    """All that is shown when ``text`` is in a file: as text with excerpts, and as JSON."""
    engine = Engine(MeshConfig(), now=NOW)
    engine.apply([(Path("a.yaml"), text)])
    while engine.analyse():
        pass
    found = diagnostic_texts(engine.diagnostics(), EngineFiles(engine))
    lines = ("".join(part for part, _ in line) for line in as_text(found))
    return "\n".join((*lines, *(f"{d.message} {d.hint} {d.note}" for d in engine.diagnostics())))


def leaks(shown: str, secret: str) -> list[str]:
    size = min(PART, len(secret))
    parts = {secret[i : i + size] for i in range(len(secret) - size + 1)}
    return [part for part in sorted(parts) if part in shown]


def excerpts(document: str) -> str:
    return "\n".join(redacted(line, document) for line in document.split("\n"))


@settings(max_examples=examples(300))
@given(
    template=st.sampled_from(SECRETS),
    secret=st.sampled_from([PASSWORD, KEY, PEM]),
    at=st.integers(0, 400),
    cut=st.integers(0, 3),
    put=st.sampled_from(MISTAKES),
    indent=st.sampled_from(["", "    "]),
)
def test_no_mistake_shows_a_secret(
    template: str, secret: str, at: int, cut: int, put: str, indent: str
) -> None:
    if "ConfigMap" in template or "Gateway" in template:
        put, cut = "", 0  # elsewhere a secret is known by its form, or by the key before it
    text = template.replace("SECRET", secret.replace("\n", f"\n{indent}"))
    first = 0 if "kind: Secret" in template else template.index("SECRET")
    at = first + at % (len(text) - first + 1)  # what says that it is a Secret stays
    broken = text[:at] + put + text[at + cut :]

    shown = shown_of(broken)

    canary = KEY if secret == PEM else secret
    assert leaks(shown, canary) == []


V1: Final = "apiVersion: v1\n"
ODDLY_WRITTEN: Final = (
    "kind: &kind Secret\nmetadata: {name: a}\nimmutable: SECRET\npass: SECRET\n",
    "kind: !!str Secret\nmetadata: {name: a}\nimmutable: SECRET\npass: SECRET\n",
    "kind: >-\n  Secret\nmetadata: {name: a}\nimmutable: SECRET\npass: SECRET\n",
    "? kind\n: Secret\nmetadata: {name: a}\nimmutable: SECRET\npass: SECRET\n",
    'kind: "S\\x65cret"\nmetadata: {name: a}\nimmutable: SECRET\npass: SECRET\n',
    '"\\u006bind": Secret\nmetadata: {name: a}\nimmutable: SECRET\npass: SECRET\n',
    "kind: Secret\nmetadata:\n  name: A_B # SECRET\ntype: [1] # SECRET\nx: 1 # SECRET\n",
    "metadata: {name: a}\nstringdata:\n  x: SECRET\n  x: SECRET\n",
)


@pytest.mark.parametrize("document", ODDLY_WRITTEN)
@pytest.mark.parametrize("secret", [PASSWORD, KEY])
def test_a_secret_is_known_however_its_document_is_written(document: str, secret: str) -> None:
    assert leaks(shown_of(V1 + document.replace("SECRET", secret)), secret) == []


@pytest.mark.parametrize(
    "lines",
    [
        "password: [hunter2xyz]",
        "api_key:\n- hunter2xyz",
        "x-cookie: >-\n  hunter2xyz",
        "clientSecret:\n  hunter2xyz",
        "secret: !!str hunter2xyz",
        "token: &token hunter2xyz",
        "passwd: 'it''s hunter2xyz'",
        'pwd: "\\"hunter2xyz"',
        'body: "{\\"password\\": \\"hunter2xyz\\"}"',
        "url: oci://user:hunter2xyz@registry.example/filter",
        "set:\n- name: Authorization\n  value: Basic hunter2xyz",
        "set: [{value: hunter2xyz, name: x-api-key}]",
    ],
)
def test_what_is_called_a_secret_is_hidden_in_each_form_of_yaml(lines: str) -> None:
    document = f"kind: WasmPlugin\n{lines}\n"

    assert leaks(excerpts(document), PASSWORD) == []


@pytest.mark.parametrize(
    "document",
    [
        "kind: Gateway\nspec:\n  listeners:\n  - name: https\n    hostname: shop.example\n"
        "    tls: {certificateRefs: [{kind: Secret, name: shop}]}\n",
        "kind: VirtualService\nspec:\n  http:\n  - match:\n    - headers:\n        cookie:\n"
        "          regex: user=jason\n        authorization: {prefix: Bearer}\n",
        "kind: RequestAuthentication\nspec:\n  jwtRules:\n  - forwardOriginalToken: true\n"
        "    fromCookies: [token]\n    fromHeaders: [{name: authorization, prefix: 'Bearer '}]\n",
    ],
)
def test_a_document_that_only_names_secrets_is_shown(document: str) -> None:
    assert excerpts(document) == document


def test_a_password_that_looks_like_an_alias_is_in_no_message() -> None:
    shown = shown_of("kind: Gateway\nspec: {password: *hunter2xyz}\n")

    assert "has no anchor" in shown
    assert leaks(shown, PASSWORD) == []


def test_what_is_wrong_in_mesh_config_shows_no_secret() -> None:
    (found,) = mesh_file(Path("mesh.yaml"), "password: *hunter2xyz\n").diagnostics

    assert leaks(found.message, PASSWORD) == []


def test_a_short_value_is_hidden_nowhere_else() -> None:
    document = "kind: VirtualService\nmetadata: {name: a}\nset: {x-token: a, other: b}\n"

    assert redacted("metadata: {name: a}", document) == "metadata: {name: a}"
    assert redacted("set: {x-token: a, other: b}", document) == "set: {x-token: *, other: b}"


@pytest.mark.parametrize(
    "text", ["\n", "a", "a: 'b ", "a: [", "a: !b ", "password: |\n", "name: a\n"]
)
def test_a_long_document_is_searched_in_linear_time(text: str) -> None:
    began = time.process_time()

    redacted_message("found 1", f"kind: Gateway\n{text * 50_000}")

    assert time.process_time() - began < 2  # in quadratic time it is minutes


def test_what_is_no_secret_is_shown() -> None:
    shown = shown_of(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ntyp: kubernetes.io/tls\n"
        "stringData: {tls.key: [x]}\n---\n"
        "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: b}\n"
        "spec: {servers: [{hosts: [outbound_.80_.v1_.reviews-with-a-long-name.default.svc]}]}\n"
    )

    assert 'Secret has no field "typ"' in shown
    assert "outbound_.80_.v1_.reviews-with-a-long-name.default.svc" in shown
