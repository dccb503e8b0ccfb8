"""What the README says of kinds, commands and ports is what the code says."""

from pathlib import Path

from controlplane.cli.main import COMMANDS
from controlplane.kinds.registry import SERVED
from controlplane.kinds.support import markdown_table

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_table_of_kinds_is_up_to_date() -> None:
    first = (
        "<!-- kinds: from controlplane.kinds.support, kept true by tests/unit/test_readme.py -->\n"
    )
    table = README.partition(first)[2].partition("<!-- end of kinds -->")[0]
    expected = markdown_table(served for served in SERVED.values() if served.custom)

    assert table == expected, f"put this into README.md:\n\n{expected}"


def test_every_command_is_in_the_table_of_commands() -> None:
    assert [name for name in COMMANDS if f"| `controlplane {name}" not in README] == []
