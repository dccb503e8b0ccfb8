"""The list of what still differs from istiod: every line says why."""

from pathlib import Path

import pytest

from tests.support.oracle import waiting


def test_each_line_is_a_case_and_its_reason(tmp_path: Path) -> None:
    file = tmp_path / "waiting.txt"
    file.write_text("# comment\n\ntraffic/cors  preflights are not answered yet\n")

    assert waiting(file) == {"traffic/cors": "preflights are not answered yet"}


def test_a_line_without_a_reason_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "waiting.txt"
    file.write_text("traffic/cors\n")

    with pytest.raises(SystemExit, match=r"waiting\.txt:1: traffic/cors has no reason"):
        waiting(file)
