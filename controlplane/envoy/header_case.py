"""How HTTP/1.1 spells the names of headers: in lower case, unless their original case is kept.

Case is kept only where both sides keep it, the listener and the cluster.
Source: envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case.proto.
"""

from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.core.v3.protocol_pb2 import Http1ProtocolOptions
from envoy.extensions.http.header_formatters.preserve_case.v3.preserve_case_pb2 import (
    PreserveCaseFormatterConfig,
)

from controlplane.envoy.packing import packed


def preserved_case() -> Http1ProtocolOptions.HeaderKeyFormat:
    return Http1ProtocolOptions.HeaderKeyFormat(
        stateful_formatter=TypedExtensionConfig(
            name="preserve_case", typed_config=packed(PreserveCaseFormatterConfig())
        )
    )
