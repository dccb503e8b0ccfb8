"""Key sets of issuers enter the graph here, when whoever fetches them has news."""

from collections.abc import Mapping

from controlplane.engine.engine import Engine
from controlplane.model.tokens import KeySource
from controlplane.queries.inputs.key_sets import KEY_SET, FetchedKeys


def set_key_sets(engine: Engine, known: Mapping[KeySource, FetchedKeys]) -> int:
    """Take what is known of some sources; a new revision."""
    engine.graph.edit()
    for source, fetched in known.items():
        engine.graph.set(KEY_SET, source, fetched)
    engine.note_connected()
    return engine.revision
