"""Istio kinds."""
