"""Listeners and what is inside of them: one module for each concept of Envoy's."""
