"""What one client rejected (NACK) of one type, and what it is given in its place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from controlplane.base.peer_text import shown
from controlplane.base.shelf import Shelf
from controlplane.envoy.resource import Resource, TypeUrl
from controlplane.xds.events import Rejected

ERRORS_IN_FULL: Final = 100  # resources; a client that rejects more has one reason
VERSIONS_LIMIT: Final = 16  # rejected versions of one resource that are remembered

KEPT_THOUGH_REJECTED: Final = frozenset({TypeUrl.EXTENSION})
"""Of these Envoy keeps what it was sent last even where it rejects it. Until something else takes
its place it rejects the listeners that name it, and takes the same unread when it comes again.

Source: Envoy ``source/common/filter/config_discovery_impl.cc``; measured with 1.40.
"""


@dataclass(slots=True)
class _Held:
    """A resource that the client keeps in the form ``good``, or does not have at all.

    ``versions`` maps what it rejected to its error. ``current`` is the rejection in force: until
    another form is acknowledged or the resource is gone.
    """

    good: Resource | None
    versions: dict[str, str] = field(default_factory=dict)
    current: Rejected | None = None

    def instead_of(self, resource: Resource) -> Resource | None:
        """What the client had before; a stand-in, of whatever form, is nothing to go back to."""
        stand_in, good = resource.stand_in, self.good
        if stand_in is None or (good is not None and good.stand_in is not None):
            return good
        return stand_in if stand_in.version not in self.versions else None


class Rejections:
    """The rejected resources of one type on one stream, by name; false when there are none."""

    __slots__ = ("_has", "_held", "_type_url")

    def __init__(self, type_url: TypeUrl) -> None:
        self._type_url = type_url
        self._held: dict[str, _Held] = {}
        self._has: dict[str, Resource | None] = {}
        """What it accepted of ``KEPT_THOUGH_REJECTED``; ``None`` is a form that is not known."""

    def __bool__(self) -> bool:
        return bool(self._held)

    def __iter__(self) -> Iterator[str]:
        """The names of which the client rejected some form, in force or not."""
        return iter(self._held)

    @property
    def current(self) -> tuple[Rejected, ...]:
        """What is rejected now, by name."""
        if not self._held:
            return ()
        return tuple(h.current for _, h in sorted(self._held.items()) if h.current is not None)

    def has_before(self, versions: Mapping[str, str], target: Shelf[Resource]) -> None:
        """The client has these of an earlier stream; what they are is known where they are as in
        ``target``, or stand in for that.
        """
        for name, version in versions.items():
            wanted = target.get(name)
            forms = (wanted, wanted.stand_in) if wanted is not None else ()
            known = (form for form in forms if form is not None and form.version == version)
            self._has[name] = next(known, None)

    def can_replace(self, name: str) -> bool:
        """Whether something is better in place of what the client rejected of ``name``. What it has
        of an earlier stream works on, and could not be sent again where it is not known.
        """
        return self._has.get(name, self) is not None

    def form(self, resource: Resource) -> Resource | None:
        """What the client gets instead of ``resource``, mostly that itself."""
        held = self._held.get(resource.name)
        if held is None or resource.version not in held.versions:
            return resource
        return held.instead_of(resource)

    def good(self, name: str, acknowledged: Resource | None) -> Resource | None:
        """The last form of ``name`` that the client accepted; the ``acknowledged`` one by
        default.
        """
        held = self._held.get(name)
        if held is not None:
            return held.good
        return self._has.get(name) if self._type_url in KEPT_THOUGH_REJECTED else acknowledged

    def reports(self, resource: Resource | None) -> bool:
        """Whether this form was rejected before; then it is reported as rejected again."""
        held = self._held.get(resource.name) if resource is not None else None
        if resource is None or held is None or resource.version not in held.versions:
            return False
        error = held.versions[resource.version]
        held.current = Rejected(self._type_url, resource.name, resource.version, error)
        return True

    def reject(self, resource: Resource, good: Resource | None, error: str) -> Rejected:
        """The client rejected this form and keeps ``good``."""
        held = self._held.setdefault(resource.name, _Held(good))
        if self._type_url in KEPT_THOUGH_REJECTED and held.good == resource:
            held.good = None  # it was good, but is not now
        if len(self._held) > ERRORS_IN_FULL:
            error = shown(error, ERRORS_IN_FULL)
        if len(held.versions) >= VERSIONS_LIMIT:
            held.versions.pop(next(iter(held.versions)))
        held.versions[resource.version] = error
        held.current = Rejected(self._type_url, resource.name, resource.version, error)
        return held.current

    def accept(self, resource: Resource, wanted: Resource | None) -> None:
        """The client accepted this form, which is good then.

        The rejection ends with that if it is the ``wanted`` one, not when what was good before was
        only sent again.
        """
        if self._type_url in KEPT_THOUGH_REJECTED:
            self._has[resource.name] = resource
        held = self._held.get(resource.name)
        if held is not None:
            held.good = resource
            if wanted is None or wanted.version == resource.version:
                held.current = None

    def leave(self, name: str) -> None:
        """``name`` is no longer in the mesh."""
        self._has.pop(name, None)
        held = self._held.get(name)
        if held is not None:
            held.good, held.current = None, None

    def retry(self, rejected: Rejected) -> None:
        """Let the client have the rejected form once more."""
        self._held[rejected.name].versions.pop(rejected.version, None)

    def forget_unwanted(self, target: Shelf[Resource]) -> None:
        """Let the client have once more what it rejected, where that is wanted no longer."""
        for name, held in self._held.items():
            wanted = target.get(name)
            if wanted is None or wanted.version not in held.versions:
                held.versions.clear()
