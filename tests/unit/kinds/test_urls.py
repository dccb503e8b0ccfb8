"""URLs as Go reads them; the rows are what Go's ``net/url`` says."""

import pytest

from controlplane.base.urls import Url, parsed, parsed_request


@pytest.mark.parametrize(
    ("text", "scheme", "host", "path"),
    [
        ("HTTPS://Files.example.com/a?b#c", "https", "Files.example.com", "/a"),
        ("oci://registry:5000/a:1.0", "oci", "registry:5000", "/a:1.0"),
        ("oci://registry", "oci", "registry", ""),
        ("registry:5000/a", "registry", "", "5000/a"),
        ("registry/a:1.0", "", "", "registry/a:1.0"),
        ("//host/a", "", "host", "/a"),
        ("file:///opt/a.wasm", "file", "", "/opt/a.wasm"),
        ("https://[::1]:80/a", "https", "[::1]:80", "/a"),
        ("https://a:/b", "https", "a:", "/b"),
        ("https://me@a/b", "https", "a", "/b"),
        ("https://[fe80::1%25eth0]:80/", "https", "[fe80::1%25eth0]:80", "/"),
        ("oci://a:b:80/c", "oci", "a:b:80", "/c"),
    ],
)
def test_a_url_is_read(text: str, scheme: str, host: str, path: str) -> None:
    assert parsed(text) == Url(scheme=scheme, host=host, path=path)


@pytest.mark.parametrize(
    "text",
    [
        ":a",
        "10.0.0.1:80/a",
        "https://a b/c",
        "https://a:b/c",
        "https://[::1/a",
        "https://a/%z0",
        "https://%41/a",
        "https://a/b#%z",
        "https://a/\x01",
        "https://a b@c/",
        "https://a[b]/",
        "https://[a]/",
        "https://[10.0.0.1]/",
        "https://[fe80::1%eth0]/",
        "https://[fe80::1%25]/",
        "https://a:b:80/",
    ],
)
def test_what_is_no_url(text: str) -> None:
    assert parsed(text) is None


@pytest.mark.parametrize(
    ("text", "is_request"),
    [
        ("", False),
        ("a/b", False),
        ("/a", True),
        ("//host name/a", True),
        ("https://a#b", False),
        ("https://a/b#%41", True),
        ("*", True),
    ],
)
def test_a_request_needs_an_absolute_url(text: str, is_request: bool) -> None:
    assert (parsed_request(text) is not None) is is_request


@pytest.mark.parametrize(
    ("text", "hostname", "port"),
    [
        ("https://a", "a", ""),
        ("https://a:/b", "a", ""),
        ("https://a:80", "a", "80"),
        ("https://[::1]", "::1", ""),
        ("https://[::1]:80", "::1", "80"),
        ("https:///a", "", ""),
    ],
)
def test_a_host_has_a_port(text: str, hostname: str, port: str) -> None:
    url = parsed(text)

    assert url is not None
    assert (url.hostname, url.port) == (hostname, port)
