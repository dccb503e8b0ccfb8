"""Generated VirtualServices for migrations, from a small vocabulary on purpose: conditions overlap,
some have a counterpart in Gateway API and some have none.
"""

import json
from random import Random
from typing import Final

Json = dict[str, object]
HOSTS: Final = (["a.example.com"], ["b.example.com"], ["*.example.com"], ["c.example.com", "d.org"])
_PATHS: Final = (
    {"exact": "/a"},
    {"exact": "/a/b"},
    {"prefix": "/"},
    {"prefix": "/a"},
    {"prefix": "/a/"},
    {"prefix": "/b.c"},
    {"regex": "/[ab]+"},
    {"regex": "/b/.*"},
)
_TEXTS: Final[tuple[Json, ...]] = ({"exact": "1"}, {"prefix": "1"}, {"regex": "[0-9]+"}, {})
_DONE: Final = (
    {"route": [{"destination": {"host": "shop"}}]},
    {"route": [{"destination": {"host": "cart"}}]},
    {"route": [{"destination": {"host": "pay.bank.svc.cluster.local"}}]},
    {"route": [{"destination": {"host": "cart"}}], "timeout": "1.5s"},
    {
        "route": [
            {"destination": {"host": "shop"}, "headers": {"response": {"set": {"x-r": "1"}}}}
        ],
        "headers": {"request": {"set": {"x-q": "1"}, "remove": ["x-a"]}},
    },
    {"redirect": {"uri": "/new", "scheme": "https"}},
    {"redirect": {"authority": "other.example.com", "scheme": "http", "redirectCode": 308}},
    {"rewrite": {"authority": "in.example.com"}, "route": [{"destination": {"host": "shop"}}]},
)
_REWRITES: Final = ({"uri": "/r"}, {"uri": "/r/"})
_RARE: Final = (
    {"directResponse": {"status": 418}},
    {
        "rewrite": {"uriRegexRewrite": {"match": "/a", "rewrite": "/z"}},
        "route": [{"destination": {"host": "shop"}}],
    },
)


def virtual_services(seed: int) -> str:
    """VirtualServices at the Gateway ``istio-system/gw``, as YAML (which JSON is)."""
    random = Random(seed)
    chosen = random.sample(range(len(HOSTS)), k=3)
    return "---\n".join(
        json.dumps(
            {
                "apiVersion": "networking.istio.io/v1",
                "kind": "VirtualService",
                "metadata": {"name": f"v{number}", "namespace": "default"},
                "spec": {
                    "hosts": HOSTS[number],
                    "gateways": ["istio-system/gw"],
                    "http": _rules(random),
                },
            }
        )
        + "\n"
        for number in chosen
    )


def _rules(random: Random) -> list[Json]:
    rules = [_rule(random) for _ in range(random.randint(1, 4))]
    if random.random() < 0.7:
        rules.append(dict(random.choice(_DONE)))
    return rules


def _rule(random: Random) -> Json:
    matches = [_match(random) for _ in range(random.randint(1, 2))]
    done: Json = dict(random.choice(_RARE if random.random() < 0.05 else _DONE))
    if "route" in done and "rewrite" not in done and random.random() < 0.2:
        done["rewrite"] = dict(random.choice(_REWRITES))
    return {"match": matches, **done}


def _match(random: Random) -> Json:
    match: Json = {}
    if random.random() < 0.8:
        match["uri"] = dict(random.choice(_PATHS))
    if random.random() < 0.2:
        match["method"] = {"exact": random.choice(("GET", "PUT"))}
    if random.random() < 0.2:
        match["headers"] = {"x-a": dict(random.choice(_TEXTS))}
    if random.random() < 0.2:
        match["queryParams"] = {"q": dict(random.choice(_TEXTS))}
    return match or {"uri": {"prefix": "/"}}
