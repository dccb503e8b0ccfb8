"""Istio kinds become the model."""
