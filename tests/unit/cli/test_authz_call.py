"""The call that ``authz`` asks about, from its options."""

import base64
import json
from pathlib import Path

import click
import pytest

from controlplane.admin.authorization import AskedCall
from controlplane.cli.authz_call import asked_call


def test_without_options_about_a_call_none_is_asked_about() -> None:
    assert asked_call({"method": None, "tcp": False}, (), None, ()) is None


def test_a_call_has_what_the_options_say() -> None:
    found = asked_call(
        {"principal": "a/b", "port": 80, "tcp": True}, ("x=1=2", "x="), None, ("g=a", "g=b", "s=c")
    )

    assert found == AskedCall(
        principal="a/b",
        port=80,
        tcp=True,
        headers=(("x", "1=2"), ("x", "")),
        claims={"g": ["a", "b"], "s": "c"},
    )


def test_the_claims_of_a_token_are_read(tmp_path: Path) -> None:
    payload = base64.urlsafe_b64encode(json.dumps({"iss": "i", "n": [1]}).encode()).decode()
    token = tmp_path / "token"
    token.write_text(f"e30.{payload.rstrip('=')}.sig\n")

    assert asked_call({}, (), token, ("iss=j",)) == AskedCall(claims={"iss": "j", "n": [1]})


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "a.é.c", "e30.W10.x"])
def test_what_is_no_token_is_a_mistake_of_usage(tmp_path: Path, text: str) -> None:
    token = tmp_path / "token"
    token.write_text(text, encoding="utf-8")

    with pytest.raises(click.UsageError, match="has no JWT"):
        asked_call({}, (), token, ())


@pytest.mark.parametrize(
    ("said", "headers", "message"),
    [
        ({"ip": "here"}, (), '--ip: "here" is not an IP address'),
        ({"path": "api/books"}, (), '--path: "api/books" does not begin with a slash'),
        ({"peer_ip": "1.2.3"}, (), '--peer-ip: "1.2.3" is not an IP address'),
        ({"principal": "web"}, (), '--as: "web" is neither'),
        ({"principal": "spiffe://a//b"}, (), "is neither"),
        ({}, ("x",), '--header: "x" is not NAME=VALUE'),
    ],
)
def test_mistakes_are_named(said: dict[str, str], headers: tuple[str, ...], message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        asked_call(said, headers, None, ())
