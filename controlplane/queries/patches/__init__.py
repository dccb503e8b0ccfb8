"""The slow path: what proxies are sent to whom an EnvoyFilter is attached, patched."""
