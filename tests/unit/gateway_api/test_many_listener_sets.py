"""What an edit of one ListenerSet among many makes anew."""

from collections import Counter
from typing import Any

import pytest

from controlplane.graph import Graph
from tests.support.declared import Declared
from tests.support.kubernetes_gateways import EDGE, gateway, listener_set

TLS = "tls: {options: {gateway.istio.io/tls-terminate-mode: ISTIO_SIMPLE}}"
COUNT = 150


def added(number: int, host: str) -> str:
    listener = f"{{name: a, port: 443, protocol: HTTPS, hostname: {host}, {TLS}}}"
    return listener_set(listener, name=f"set-{number}")


@pytest.mark.parametrize("class_name", ["istio", "controlplane"])
def test_one_of_many_listener_sets_makes_its_listener_and_its_table_anew(class_name: str) -> None:
    more = f"gatewayClassName: {class_name}\n  allowedListeners: {{namespaces: {{from: Same}}}}"
    sets = "".join(added(i, f"{i}.example.com") for i in range(COUNT))
    declared = Declared(gateway("{name: http, port: 80, protocol: HTTP}", more=more) + sets)
    declared.resources(EDGE)
    ran: Counter[str] = Counter()

    def counted(function: Any, graph: Graph, *args: Any) -> Any:
        ran[function.name] += 1
        return function.function(graph, *args)

    declared.edit(added(7, "other.example.com"))
    declared.graph.around = counted
    declared.resources(EDGE)

    assert (ran["attached"], ran["framed"], ran["table"]) == (1, 1, 1)
