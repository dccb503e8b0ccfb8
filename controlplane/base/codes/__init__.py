"""The catalogue: every diagnostic has one permanent code, with its severity and what it does to
its object.

CP01xx documents, CP02xx fields of objects, CP03xx references and routing, CP04xx TLS and secrets,
CP05xx who may call what, EnvoyFilters and extensions, CP06xx the control plane itself,
CP07xx the Gateway API, CP08xx what is observed: logs, metrics, traces and extensions.
A code is never reused for another meaning. Each area declares its codes in a module of this
package; every one of them is imported from here.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from controlplane.base.codes.access import *  # noqa: F403
from controlplane.base.codes.backend_policies import *  # noqa: F403
from controlplane.base.codes.documents import *  # noqa: F403
from controlplane.base.codes.extensions import *  # noqa: F403
from controlplane.base.codes.fields import *  # noqa: F403
from controlplane.base.codes.gateway_api import *  # noqa: F403
from controlplane.base.codes.gateway_api_routes import *  # noqa: F403
from controlplane.base.codes.gateways import *  # noqa: F403
from controlplane.base.codes.mesh import *  # noqa: F403
from controlplane.base.codes.mesh_routes import *  # noqa: F403
from controlplane.base.codes.migration import *  # noqa: F403
from controlplane.base.codes.operation import *  # noqa: F403
from controlplane.base.codes.patches import *  # noqa: F403
from controlplane.base.codes.routing import *  # noqa: F403
from controlplane.base.codes.services import *  # noqa: F403
from controlplane.base.codes.telemetry import *  # noqa: F403
from controlplane.base.codes.tls import *  # noqa: F403
from controlplane.base.codes.tracing import *  # noqa: F403
from controlplane.base.diagnostics import Code

BY_ID: Final[Mapping[str, Code]] = MappingProxyType(
    {
        code.id: code
        for code in sorted(
            (value for value in tuple(globals().values()) if isinstance(value, Code)),
            key=lambda code: code.id,
        )
    }
)
"""Every code, in the order of the numbers."""
