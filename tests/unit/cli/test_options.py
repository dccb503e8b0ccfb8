"""Options that commands share."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from controlplane.cli.options import ServingOptions, serving_options


@pytest.mark.parametrize(
    ("arguments", "config"),
    [
        ([], ["."]),
        (["a"], ["a"]),
        (["a", "b"], ["a", "b"]),
        (["--config", "a"], ["a"]),
        (["-c", "a", "b"], ["b", "a"]),
    ],
)
def test_what_is_served_is_named_with_or_without_an_option(
    arguments: list[str], config: list[str]
) -> None:
    taken: list[ServingOptions] = []

    @click.command()
    @serving_options
    def serve(options: ServingOptions) -> None:
        taken.append(options)

    result = CliRunner().invoke(serve, arguments)

    assert result.exit_code == 0, result.output
    assert [options.config for options in taken] == [tuple(map(Path, config))]
