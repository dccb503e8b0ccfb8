"""Which declaration of a host a client gets."""

from functools import partial

import pytest

from controlplane.base.names import Host, Namespace
from controlplane.kinds.istio.mesh_config import (
    EntryVisibility,
    MeshConfig,
    NamespaceSelector,
    Operator,
    Requirement,
    ServiceEntryVisibility,
    VisibilityPolicy,
    VisibilityRule,
)
from controlplane.model.proxy import ResolvedProxy, Role
from controlplane.queries.registry.services import service
from tests.support.declared import Declared
from tests.unit.clusters.entries import EDGE, WEB_TOO, entry

CAPPED = partial(ServiceEntryVisibility, apply_to_sidecars=True)


def seen(text: str, namespace: Namespace = EDGE, host: str = "api.partner.com") -> str | None:
    """The namespace whose declaration a gateway in ``namespace`` gets."""
    found = service(Declared(text).graph, Host(host), namespace)
    return None if found is None else found.namespace


@pytest.mark.parametrize(
    ("text", "namespace"),
    [
        (entry("a", "one"), "one"),
        (entry("a", "one", exportTo='["."]'), None),
        (entry("a", "edge", exportTo='["."]'), "edge"),
        (entry("a", "one", exportTo="[edge]"), "one"),
        (entry("a", "one", exportTo='["~"]'), None),
        (entry("a", "one") + entry("b", "two", exportTo="[edge]"), "two"),
        (entry("a", "edge") + entry("b", "a-first"), "a-first"),
        (entry("a", "edge", exportTo='["."]') + entry("b", "a-first", exportTo="[edge]"), "edge"),
    ],
    ids=[
        "exported to all unless said",
        "private to another namespace",
        "private to its own",
        "exported by name",
        "exported to nobody",
        "by name before to all",
        "a gateway does not prefer its own namespace",
        "private before exported by name",
    ],
)
def test_visibility(text: str, namespace: str | None) -> None:
    assert seen(text) == namespace


@pytest.mark.parametrize(
    ("export_to", "written", "namespace"),
    [
        ((), {}, "one"),
        (("~",), {}, None),
        ((".",), {}, None),
        (("edge",), {}, "one"),
        (("~",), {"exportTo": '["*"]'}, "one"),
    ],
    ids=["not said", "to nobody", "private", "by name", "the entry says more"],
)
def test_the_mesh_says_who_sees_services_that_do_not(
    export_to: tuple[str, ...], written: dict[str, str], namespace: str | None
) -> None:
    declared = Declared(
        entry("a", "one", **written), mesh=MeshConfig(default_service_export_to=export_to)
    )

    found = service(declared.graph, Host("api.partner.com"), EDGE)

    assert (None if found is None else found.namespace) == namespace


OPEN = """
apiVersion: v1
kind: Namespace
metadata: {name: one, labels: {entries: open}}
---
"""


BY_LABEL = NamespaceSelector(match_labels={"entries": "open"})


UNLABELLED = NamespaceSelector(
    match_expressions=(Requirement(key="entries", operator=Operator.DOES_NOT_EXIST),)
)


def policy(visibility: EntryVisibility, *selectors: NamespaceSelector) -> VisibilityPolicy:
    rules = tuple(VisibilityRule(namespace_selector=selector) for selector in selectors)
    return VisibilityPolicy(visibility=visibility, matching_rules=rules)


@pytest.mark.parametrize(
    ("settings", "namespace", "expected"),
    [
        (ServiceEntryVisibility(default_visibility=EntryVisibility.NONE), EDGE, "one"),
        (CAPPED(default_visibility=EntryVisibility.NONE), EDGE, None),
        (CAPPED(default_visibility=EntryVisibility.NAMESPACE), EDGE, None),
        (CAPPED(default_visibility=EntryVisibility.NAMESPACE), Namespace("one"), "one"),
        (CAPPED(), EDGE, "one"),
        (
            CAPPED(
                default_visibility=EntryVisibility.NONE,
                policies=(policy(EntryVisibility.PUBLIC, BY_LABEL),),
            ),
            EDGE,
            "one",
        ),
        (CAPPED(policies=(policy(EntryVisibility.NONE, BY_LABEL, UNLABELLED),)), EDGE, "one"),
        (CAPPED(policies=(policy(EntryVisibility.NONE),)), EDGE, None),
    ],
    ids=[
        "for ambient meshes alone",
        "nobody",
        "its own namespace, not another",
        "its own namespace",
        "not said",
        "a policy before the default",
        "a policy wants all of its rules",
        "a policy without rules takes all",
    ],
)
def test_the_mesh_limits_who_sees_service_entries(
    settings: ServiceEntryVisibility, namespace: Namespace, expected: str | None
) -> None:
    declared = Declared(
        OPEN + entry("a", "one"), mesh=MeshConfig(service_entry_visibility=settings)
    )

    found = service(declared.graph, Host("api.partner.com"), namespace)

    assert (None if found is None else found.namespace) == expected


def test_a_sidecar_prefers_its_own_namespace() -> None:
    text = entry("a", "edge") + entry("b", "a-first")
    sidecar = ResolvedProxy(role=Role.SIDECAR, namespace=EDGE)

    found = Declared(text).clusters(sidecar)["outbound|80||api.partner.com"]

    assert found["metadata"]["filter_metadata"]["istio"]["services"][0]["namespace"] == "edge"


def test_a_service_comes_before_service_entries() -> None:
    kubernetes = """
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {ports: [{name: http, port: 80}]}
---
"""
    host = "reviews.default.svc.cluster.local"
    text = kubernetes + entry("a", "edge", hosts=f"[{host}]", exportTo='["."]')

    assert seen(text, EDGE, host) == "default"


def test_an_entry_for_a_services_host_adds_its_names_and_nothing_else() -> None:
    kubernetes = """
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}
---
"""
    host = "reviews.default.svc.cluster.local"
    text = kubernetes + entry("a", hosts=f"[{host}]", subjectAltNames="[a.com]", ports=WEB_TOO)

    found = service(Declared(text).graph, Host(host), EDGE)

    assert found is not None
    assert [port.number for port in found.ports] == [80]
    assert found.subject_alt_names == ("a.com",)
