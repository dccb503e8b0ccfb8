"""Constraints for pip that take the oldest version of each dependency that is allowed.

python -m tests.support.lowest > constraints.txt
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).parents[2] / "pyproject.toml"
_BOUNDED: Final = re.compile(r"([A-Za-z0-9_-]+)>=([0-9.]+)(?:,<[0-9.]+)?(?:; .+)?")


def constraints() -> Iterator[str]:
    """``click==8.1`` for ``click>=8.1``; ``ValueError`` for a dependency without a lower bound."""
    for dependency in tomllib.loads(PROJECT.read_text())["project"]["dependencies"]:
        bounded = _BOUNDED.fullmatch(dependency)
        if bounded is None:
            raise ValueError(f"{dependency!r} has no lower bound")
        yield f"{bounded[1]}=={bounded[2]}"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in constraints())
