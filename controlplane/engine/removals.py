"""Most of a mesh is never removed at once without being asked for.

Files vanish by accident: a disk is not mounted, ``rm`` ran in the wrong folder, a checkout failed.
Objects that go in one burst stay in force where they are more than a few and more than half of all,
until the removal is confirmed or a file declares them again. Files that are deleted one after the
other arrive in several edits, so what an earlier edit of the burst removed comes back.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from controlplane.base.names import ObjectKey
from controlplane.engine.declarations import Accepted, Declarations
from controlplane.engine.forms import Form, Forms

FEW: Final = 3  # objects; to remove so many is never held
NO_FILE: Final = Path()
"""In the memory of accepted objects: where one is from whose removal is held."""
BURST: Final = 1.0  # seconds at most between two removals of one burst


def is_mass_removal(going: int, of: int) -> bool:
    """Whether to remove ``going`` of so many objects asks for a confirmation."""
    return going > FEW and 2 * going > of


class Removals:
    """The objects that no file declares and that stay in force nevertheless."""

    def __init__(self, declarations: Declarations, *, is_on: bool) -> None:
        self._declarations = declarations
        self._is_on = is_on
        self._held: dict[ObjectKey, None] = {}
        self._burst: dict[ObjectKey, Form] = {}
        """What the present burst takes away, as it was before."""
        self._latest = float("-inf")

    @property
    def held(self) -> tuple[ObjectKey, ...]:
        return tuple(self._held)

    def is_held(self, key: ObjectKey) -> bool:
        return key in self._held

    def is_gone(self, key: ObjectKey) -> bool:
        """Whether no file declares an object any more, and nothing keeps it in force."""
        declarations = self._declarations
        is_declared = declarations.winner(key) is not None or declarations.is_kept(key)
        return not is_declared and key not in self._held

    def touched(self, keys: Iterable[ObjectKey]) -> None:
        """What files say of these objects may have changed: what they declare is not held."""
        for key in keys:
            if self._declarations.winner(key) is not None:
                self._held.pop(key, None)
                self._burst.pop(key, None)

    def loaded(self, accepted: Accepted) -> None:
        """Hold what an earlier run accepted and no file declares, where that is most of it, and
        what that run held.
        """
        known = tuple(accepted.keys()) if self._is_on else ()
        gone = [key for key in known if self.is_gone(key)]
        if not is_mass_removal(len(gone), len(known)):
            held_before = {raw.key for raw in accepted.of_file(NO_FILE)} if gone else ()
            gone = [key for key in gone if key in held_before]
        self._held.update(dict.fromkeys(gone))

    def release(self) -> tuple[ObjectKey, ...]:
        """Hold nothing any longer; gives what was held."""
        released = self.held
        self._held.clear()
        self._burst.clear()
        return released

    def noted(
        self,
        touched: Iterable[ObjectKey],
        form: Callable[[ObjectKey], Form],
        moment: float,
        *,
        of: int,
    ) -> tuple[Forms, tuple[ObjectKey, ...]]:
        """Note what an edit at ``moment`` (seconds of a steady clock) takes away from ``of``
        objects that are in force. What an earlier burst holds counts as neither. Where the burst
        is a mass removal, everything in it is held from now on: gives the forms of what is to come
        back, and what is newly held.
        """
        forms = {key: form(key) for key in touched if self.is_gone(key)}
        going = {key: before for key, before in forms.items() if before.object is not None}
        if not going or not self._is_on:
            return {}, ()
        if moment - self._latest > BURST:
            self._burst.clear()
        if any(key not in self._burst for key in going):  # not only what waits to go
            self._latest = moment
        gone = {
            key: form
            for key, form in self._burst.items()
            if key not in going and key not in self._held
        }
        self._burst.update((key, form) for key, form in going.items() if key not in self._burst)
        held_before = sum(key not in self._burst for key in self._held)
        if not is_mass_removal(len(self._burst), of + len(gone) - held_before):
            return {}, ()
        held = tuple(key for key in self._burst if key not in self._held)
        self._held.update(dict.fromkeys(held))
        return gone, held
