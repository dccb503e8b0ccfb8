"""Codes of ``controlplane migrate``: why an object stays as it is, and what is left to do."""

from typing import Final

from controlplane.base.codes.severities import warning

NO_COUNTERPART: Final = warning("CP0780", "Gateway API has nothing for what the object says here")
OTHER_PRECEDENCE: Final = warning(
    "CP0781", "Gateway API would try the rules in an order that changes answers"
)
STAYS_WITH_ANOTHER: Final = warning(
    "CP0782", "the object can only be migrated together with one that stays"
)
NOT_KNOWN_HERE: Final = warning(
    "CP0783", "these files do not say what the migrated object would have to name"
)
ANSWERS_DIFFER: Final = warning(
    "CP0784", "a request would be answered otherwise after the migration"
)
LEFT_TO_DO: Final = warning("CP0785", "the migrated object leaves something to do by hand")
