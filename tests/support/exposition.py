"""What a proxy answers at ``/stats/prometheus``, as Prometheus reads it."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from tests.support.client import send

Samples = Mapping[str, list[tuple[Mapping[str, str], float]]]
"""Labels and value of each sample, by its name."""


def scraped(address: str, port: int = 15090) -> Samples:
    """Every sample of Istio's metrics."""
    url = f"http://{address}:{port}/stats/prometheus"
    return samples(send(url, address=address, port=port).body.decode())


def samples(text: str) -> Samples:
    found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith("istio_"):
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def total(of: Samples, name: str, **labels: str) -> float:
    """The sum of the samples that have these labels."""
    return sum(
        value
        for said, value in of.get(name, ())
        if all(said.get(k) == v for k, v in labels.items())
    )
