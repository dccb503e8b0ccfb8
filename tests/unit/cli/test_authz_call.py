"""The call that ``authz`` asks about, from its options."""

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


def test_a_token_is_sent_as_it_is(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a.b.c\n")

    found = asked_call({}, (), token, ("iss=j",))

    assert found == AskedCall(token="a.b.c", claims={"iss": "j"})


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
