"""The status of every object of the Gateway API is the one that istiod gave it, case by case, where
its recordings are beside the repository.
"""

from typing import Final

import pytest

from tests.support.oracle_cases import OracleCase
from tests.support.oracle_status import cases, differences, folder_of_recordings, ours, recorded

DIFFERS: Final[dict[str, str]] = {}
"""Where we say something else, and why: by case and place."""


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)
def test_the_status_is_what_istiod_says(case: OracleCase) -> None:
    folder = folder_of_recordings()
    assert folder is not None, "a case is in a folder"

    found = differences(recorded(folder, case), ours(case))

    assert [d for d in found if f"{case.name}{d.partition(':')[0]}" not in DIFFERS] == []
