"""How objects get into the graph: a revision at a time.

Every way ends with taking note of what came into doubt, so that nothing reads the graph between an
edit and that.
"""

from collections.abc import Callable, Collection, Iterable

from controlplane.base.names import ObjectKey
from controlplane.engine.findings import Findings
from controlplane.engine.forms import Forms
from controlplane.engine.in_force import InForce, Outcomes
from controlplane.engine.waiting import Waiting
from controlplane.engine.whole_changes import Trial
from controlplane.graph import Fault, Graph
from controlplane.queries.analysis.references import REFERRING, broken_references
from controlplane.queries.snapshot.connected import Connected


class Revisions:
    """Brings objects in step with what files claim, at once or tried as a whole first."""

    def __init__(
        self,
        graph: Graph,
        in_force: InForce,
        findings: Findings,
        connected: Connected,
        waiting: Waiting,
        *,
        on_fault: Callable[[Fault], None],
    ) -> None:
        self._graph = graph
        self._in_force = in_force
        self._findings = findings
        self._connected = connected
        self._waiting = waiting
        self._on_fault = on_fault

    def tried(self, keys: Collection[ObjectKey]) -> Outcomes:
        """Bring objects in step with their claims, but for those that have to wait."""
        try:
            return self._tried_whole(keys)
        except Exception as error:  # of what decides that: nothing waits then
            self._on_fault(Fault("what waits", (), error))
            self._waiting.keys = {}
            return self.bring(keys)

    def _tried_whole(self, keys: Iterable[ObjectKey]) -> Outcomes:
        self.look_at_references()
        before = {key: self._in_force.form(key) for key in keys}
        known = {
            key: broken_references(self._graph, key)
            for key, form in before.items()
            if key.kind in REFERRING and form.object is not None
        }
        outcomes = self.bring(before)
        changed = [key for key, is_there in outcomes.items() if is_there is not None]
        trial = Trial(
            graph=self._graph,
            before={key: before[key] for key in changed},
            after={key: self._in_force.form(key) for key in changed},
            put=self.put_forms,
            known={key: known[key] for key in changed if key in known},
        )
        held = trial.held(self._findings.take_referring()) if changed else frozenset()
        self._waiting.keys = dict.fromkeys(sorted(held))
        return {key: is_there for key, is_there in outcomes.items() if key not in held}

    def look_at_references(self) -> None:
        """Know what leads nowhere now, so that it can be seen what an edit makes worse."""
        self.collect_doubtful()
        self._findings.look_at_referring()

    def bring(self, keys: Iterable[ObjectKey]) -> Outcomes:
        """Bring objects in step with their claims, in a revision of its own."""
        self._graph.edit()
        outcomes = self._in_force.bring(keys)
        self.collect_doubtful()
        return outcomes

    def put_forms(self, forms: Forms) -> Iterable[ObjectKey]:
        """Put objects back or forth, in a revision of its own."""
        self._graph.edit()
        self._in_force.put_forms(forms)
        self.collect_doubtful()
        return self._findings.take_referring()

    def collect_doubtful(self) -> None:
        for function, args in self._graph.take_dirty():
            match args:
                case (ObjectKey() as key,):
                    self._findings.doubt(function, key)
                case _:
                    self._connected.doubt(args)
