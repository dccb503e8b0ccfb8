"""What is put into and removed from headers.

Source: envoy/config/core/v3/base.proto (``HeaderValueOption``).
"""

from collections.abc import Iterable

from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption

from controlplane.model.http_policy import Append, Overwrite


def header_options(put: Iterable[Overwrite | Append]) -> list[HeaderValueOption]:
    return [
        HeaderValueOption(
            header=HeaderValue(key=change.name, value=change.value),
            append_action=(
                HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
                if isinstance(change, Overwrite)
                else HeaderValueOption.APPEND_IF_EXISTS_OR_ADD
            ),
        )
        for change in put
    ]
