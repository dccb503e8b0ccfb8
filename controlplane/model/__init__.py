"""What a mesh is, in words of neither user API nor Envoy: services, backends, routing, listening,
TLS, proxies.
"""
