"""Clusters of the model become Envoy's: one module per concept."""
