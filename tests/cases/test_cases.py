"""Every case: what is said of it, what proxies get, and the laws that hold for all of them."""

import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.cases import (
    Case,
    cases,
    dumped,
    engine_of,
    found_faults,
    resources_of,
    unanswered,
)
from tests.support.origins import untraced

FOLDER = Path(__file__).parent


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        found = cases(FOLDER)
        names = [str(case.folder.relative_to(FOLDER)) for case in found]
        metafunc.parametrize("case", found, ids=names)


def test_the_faults_are_those_that_the_comments_expect(case: Case) -> None:
    engine = engine_of(case, [case.text])

    assert found_faults(engine) == case.expected_faults


def test_each_proxy_gets_what_is_expected(case: Case, request: pytest.FixtureRequest) -> None:
    engine = engine_of(case, [case.text])

    got: dict[str, dict[str, Any]] = {
        proxy.name: case.compared(resources_of(engine, proxy)) for proxy in case.proxies
    }

    if request.config.getoption("update_cases"):
        case.expected_file.write_text(dumped(got), encoding="utf-8")
    if case.about.get("compare"):
        assert got == yaml.safe_load(case.expected_file.read_text(encoding="utf-8"))


def test_what_a_proxy_asks_for_by_name_is_sent(case: Case) -> None:
    engine = engine_of(case, [case.text])

    for proxy in case.proxies:
        assert unanswered(resources_of(engine, proxy)) == []


def test_everything_that_is_sent_leads_back_to_a_line(case: Case) -> None:
    engine = engine_of(case, [case.text])

    for proxy in case.proxies:
        assert untraced(engine, proxy) == []


def test_the_order_of_documents_changes_nothing(case: Case) -> None:
    documents = case.documents
    shuffled = random.Random(7).sample(documents, len(documents))

    ordered, mixed = engine_of(case, [case.text]), engine_of(case, ["---\n".join(shuffled)])

    for proxy in case.proxies:
        assert resources_of(mixed, proxy) == resources_of(ordered, proxy)


def test_documents_that_come_one_by_one_end_in_the_same(case: Case) -> None:
    documents = case.documents
    shuffled = random.Random(11).sample(documents, len(documents))
    whole = engine_of(case, [case.text])

    edited = engine_of(case, [])
    for number, text in enumerate(shuffled):
        edited.apply([(Path(f"{number}.yaml"), text)])
        for proxy in case.proxies:
            # Read in between, so that something is remembered that has to be forgotten again.
            resources_of(edited, proxy)

    for proxy in case.proxies:
        assert resources_of(edited, proxy) == resources_of(whole, proxy)


def test_what_is_taken_away_leaves_no_trace(case: Case) -> None:
    engine = engine_of(case, [case.text])
    empty = engine_of(case, [])
    for proxy in case.proxies:
        resources_of(engine, proxy)

    engine.apply([(Path("0-input.yaml"), None)])

    for proxy in case.proxies:
        assert resources_of(engine, proxy) == resources_of(empty, proxy)


def test_a_comment_at_the_top_is_no_change(case: Case) -> None:
    engine = engine_of(case, [case.text])
    before = {proxy.name: resources_of(engine, proxy) for proxy in case.proxies}

    edit = engine.apply([(Path("0-input.yaml"), f"# a comment\n{case.text}")])

    assert not edit
    assert {proxy.name: resources_of(engine, proxy) for proxy in case.proxies} == before
