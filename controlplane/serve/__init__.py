"""Builds the control plane from its parts and joins them."""
