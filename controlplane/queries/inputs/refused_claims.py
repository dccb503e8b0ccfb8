"""Which connected workloads are not registered, by the WorkloadGroup that their tokens name."""

from typing import Final

from controlplane.base.names import ObjectKey
from controlplane.graph import Input
from controlplane.model.registration import RefusedClaim

REFUSED_CLAIMS: Final[Input[ObjectKey, tuple[RefusedClaim, ...]]] = Input("refused_claims", ())
"""Set by ``Connected``; in the order of their ids."""
