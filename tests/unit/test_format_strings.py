"""Percent signs in header values and access logs: commands of Envoy's, or plain text."""

import pytest

from controlplane.model.format_string import escaped, first_fault, unknown_commands


@pytest.mark.parametrize(
    ("value", "sent", "unknown"),
    [
        ("plain", "plain", ()),
        ("100%%", "100%%", ()),
        ("100%", "100%%", ("100%",)),
        ("%PROTOCOL%", "%PROTOCOL%", ()),
        ("a %REQ(x-b)% c", "a %REQ(x-b)% c", ()),
        ("%REQ(x-a?:path):10%", "%REQ(x-a?:path):10%", ()),
        ("%START_TIME(%Y-%m)%", "%START_TIME(%Y-%m)%", ()),
        ("%NO_SUCH_THING%", "%%NO_SUCH_THING%%", ("%NO_SUCH_THING%",)),
        ("%REQ%", "%%REQ%%", ("%REQ%",)),
        ("%REQ(a?b?c)%", "%%REQ(a?b?c)%%", ("%REQ(a?b?c)%",)),
        ("%PROTOCOL(x)%", "%%PROTOCOL(x)%%", ("%PROTOCOL(x)%",)),
        ("%PROTOCOL:3%", "%%PROTOCOL:3%%", ("%PROTOCOL:3%",)),
        ("%CEL(a b)%", "%%CEL(a b)%%", ("%CEL(a b)%",)),
        ("%PER_REQUEST_STATE(a)%", "%%PER_REQUEST_STATE(a)%%", ("%PER_REQUEST_STATE(a)%",)),
        ("%REQ(a) and %RESP(b)%", "%%REQ(a) and %RESP(b)%", ("%REQ(a) and ",)),
        ("5% of %REQ(a b)%, 6%", "5%% of %%REQ(a b)%%, 6%%", ("5% of ", "%REQ(a b)%", ", 6%")),
    ],
)
def test_values(value: str, sent: str, unknown: tuple[str, ...]) -> None:
    assert (escaped(value), unknown_commands(value)) == (sent, unknown)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("%DURATION:5%", "%DURATION% accepts no :LENGTH"),
        ("%DURATION(x)%", '%DURATION% accepts no argument, not "x"'),
        ("%NO_SUCH_THING%", "there is no command %NO_SUCH_THING%"),
        ("%REQ%", "%REQ(…)% needs the name of a header, and after a ? of another one"),
        ("%REQ(a):99999999999999999999%", ":99999999999999999999 is too long"),
        ("100% sure", '"% sure" is not a known command (a percent sign itself is %%)'),
        (
            "%START_TIME(%n)%",
            '%START_TIME% accepts the format of a time, without a line break (%n), not "%n"',
        ),
        (
            "%GRPC_STATUS(number)%",
            '%GRPC_STATUS% accepts CAMEL_STRING, SNAKE_STRING or NUMBER, not "number"',
        ),
        ("%COALESCE(1)%", '%COALESCE(…)% needs "operators", a list of commands'),
        ("%COALESCE(x)%", "%COALESCE(…)% needs an object in JSON"),
        (
            '%COALESCE({"operators": ["REQ"]})%',
            "%REQ(…)% needs the name of a header, and after a ? of another one",
        ),
        (
            '%COALESCE({"operators": [{"command": "DURATION", "max_length": 5}]})%',
            "%DURATION% accepts no :LENGTH",
        ),
        (
            '%COALESCE({"operators": [{"command": "REQ", "param": "a", "max_length": true}]})%',
            '"max_length" of an operator of %COALESCE% is not a whole number above 0',
        ),
        (
            "%CEL(size(request.path))%",
            "%CEL% accepts a path of attributes such as request.path (other expressions are not "
            'checked here, so they are not accepted), not "size(request.path)"',
        ),
    ],
)
def test_what_envoy_would_refuse_is_named(text: str, fault: str) -> None:
    assert first_fault(text) == fault


@pytest.mark.parametrize(
    "text",
    [
        "",
        "100%%",
        "%UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT% %LISTENER_NAME% %XFCC_VALUE(uri)%",
        "%COMMON_DURATION(DS_RX_BEG:US_TX_BEG:ms)% %PATH(NQ:ORIG):20%",
        "%METADATA(LISTENER_FILTER_CHAIN:a):5% %FILTER_STATE(a:FIELD:b)%",
        '%COALESCE({"operators": [{"command": "REQ", "param": "a"}, "DURATION"]}):9%',
        "%CEL(connection.mtls)% %CEL(request.headers['x-user'])%",
    ],
)
def test_what_envoy_takes_has_no_fault(text: str) -> None:
    assert first_fault(text) is None
