"""Valid edits, twenty a second, lose no request, also while the control plane is killed.

``make soak SECONDS=300`` does the same for longer and prints what it saw.
"""

import os
from pathlib import Path

import pytest

from tests.support.soak import REQUESTS, soak

pytestmark = pytest.mark.envoy

SECONDS = float(os.environ.get("SOAK_SECONDS", "10"))
SEED = int(os.environ.get("SOAK_SEED", "1"))


@pytest.mark.parametrize(
    "kill_every",
    [
        pytest.param(None, id="undisturbed"),
        pytest.param(min(10.0, SECONDS / 4), id="killed"),
    ],
)
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_no_request_fails_and_nothing_is_rejected(
    network: None, tmp_path: Path, kill_every: float | None
) -> None:
    soaked = soak(tmp_path, SECONDS, kill_every=kill_every, seed=SEED)

    print(soaked.report())
    assert (soaked.failures, soaked.rejected) == ([], {}), soaked.report()
    assert soaked.requests > SECONDS * REQUESTS / 4
    assert len(soaked.edits) > SECONDS
    assert soaked.is_telling, soaked.report()
