"""The status of Gateways and ListenerSets is the one that istiod gave them, case by case, where its
recordings are beside the repository.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.oracle_cases import OracleCase, oracle_cases
from tests.support.oracle_status import differences, ours, recorded

REPOSITORY: Final = Path(__file__).parents[3]
DIFFERS: Final[dict[str, str]] = {}
"""Where we say something else, and why: by case and place."""


def _folder() -> Path | None:
    beside = (REPOSITORY.parent / "shared" / "oracle", REPOSITORY.parents[1] / "shared" / "oracle")
    return next((folder for folder in beside if folder.exists()), None)


def _cases() -> Iterator[OracleCase]:
    folder = _folder()
    if folder is not None:
        yield from oracle_cases(folder, ("gateway-api/",))


@pytest.mark.parametrize("case", list(_cases()), ids=lambda case: case.name)
def test_the_status_is_what_istiod_says(case: OracleCase) -> None:
    folder = _folder()
    assert folder is not None, "a case is in a folder"

    found = differences(recorded(folder, case), ours(case))

    assert [d for d in found if f"{case.name}{d.partition(':')[0]}" not in DIFFERS] == []
