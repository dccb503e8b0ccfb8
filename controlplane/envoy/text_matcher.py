"""Texts that must be equal, begin alike or match an expression: Envoy's StringMatcher.

Source: envoy/type/matcher/v3/string.proto, regex.proto.
"""

from typing import assert_never

from envoy.type.matcher.v3.regex_pb2 import RegexMatchAndSubstitute, RegexMatcher
from envoy.type.matcher.v3.string_pb2 import StringMatcher

from controlplane.model.http_match import Exact, Prefix, Regex, TextMatch
from controlplane.model.routing import ReplaceRegex


def regex(pattern: str) -> RegexMatcher:
    return RegexMatcher(regex=pattern)


def substitution(rewrite: ReplaceRegex) -> RegexMatchAndSubstitute:
    return RegexMatchAndSubstitute(
        pattern=regex(rewrite.pattern), substitution=rewrite.substitution
    )


def string_matcher(value: TextMatch) -> StringMatcher:
    match value:
        case Exact(text=text):
            return StringMatcher(exact=text)
        case Prefix(text=text):
            return StringMatcher(prefix=text)
        case Regex(pattern=pattern):
            return StringMatcher(safe_regex=regex(pattern))
    assert_never(value)
