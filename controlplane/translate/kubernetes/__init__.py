"""Kubernetes kinds become the model."""
