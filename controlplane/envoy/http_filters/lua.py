"""``envoy.filters.http.lua`` with a program of the user's, in the filter itself.

Source: envoy/extensions/filters/http/lua/v3/lua.proto; Istio
``pilot/pkg/networking/core/extension/lua.go``
"""

from envoy.config.core.v3.base_pb2 import DataSource
from envoy.extensions.filters.http.lua.v3.lua_pb2 import Lua
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2 as hcm,
)

from controlplane.envoy.packing import packed
from controlplane.model.extension import LuaFilter


def lua(filter_: LuaFilter) -> hcm.HttpFilter:
    source = DataSource(inline_string=filter_.code)
    return hcm.HttpFilter(name=filter_.name, typed_config=packed(Lua(default_source_code=source)))
