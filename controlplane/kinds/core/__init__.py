"""Kubernetes kinds that a mesh is described with."""
