"""What a proxy makes of a token, in Envoy's words; the same tokens go to a real Envoy in
``tests/envoy/test_token_words.py``.
"""

from datetime import UTC, datetime

import pytest

from controlplane.model.token_verification import Refusal, verified
from controlplane.model.tokens import JwtAuthentication
from tests.support.signed_tokens import PROVIDERS, REFUSED, TAKEN, token

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def answer(text: str, *names: str) -> object:
    providers = tuple(PROVIDERS[name] for name in names or ("one",))
    return verified(JwtAuthentication(providers=providers), text, NOW)


@pytest.mark.parametrize("name", TAKEN)
def test_a_good_token_gives_its_claims(name: str) -> None:
    text, names = TAKEN[name](int(NOW.timestamp()))

    found = answer(text, *names)

    assert not isinstance(found, Refusal), found


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_token_is_refused_in_the_words_of_envoy(name: str) -> None:
    make, words = REFUSED[name]
    text, names = make(int(NOW.timestamp()))

    assert answer(text, *names) == Refusal(words)


def test_claims_of_words_are_lists() -> None:
    found = answer(token({"iss": "one", "scope": "read write", "sub": "a b"}))

    assert found == {"iss": "one", "scope": ["read", "write"], "sub": "a b"}
