"""What the pages of the documentation show is what happens: each is done from top to bottom."""

import shutil
from pathlib import Path

import pytest

from samples.bookinfo.network import why_not
from tests.support.doc_pages import ROOT, Session, steps
from tests.support.network import own_network

pytestmark = pytest.mark.envoy

PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if "```console" in page.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_shows_is_what_happens(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    if "$ make bookinfo" in text and (reason := why_not()) is not None:
        pytest.skip(reason)
    for program in ("prometheus", "promtool"):
        if f"$ {program}" in text and shutil.which(program) is None:
            pytest.skip(f"no {program} here")
    for folder in ("envoy", "samples"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    with own_network(), Session(tmp_path) as session:
        session.run(list(steps(text)))
