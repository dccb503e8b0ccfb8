"""Backends become Envoy clusters: one module per concept."""
