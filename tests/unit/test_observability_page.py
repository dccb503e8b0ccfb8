"""The page about observability names every metric of the control plane, and no other."""

import re

from controlplane.admin.metric_families import FAMILIES
from tests.support.doc_pages import ROOT

PAGE = ROOT / "docs/observability.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \| (.*?) ?\| (.+) \|$", re.MULTILINE)


def test_each_metric_is_documented_with_form_labels_and_meaning_and_no_other_is() -> None:
    rows = [
        (name, form, tuple(re.findall(r"`(\w+)`", labels)), meaning)
        for name, form, labels, meaning in ROW.findall(PAGE.read_text(encoding="utf-8"))
    ]

    assert rows == [(f.name, f.form.name.lower(), f.labels, f.help) for f in FAMILIES]
