"""Istio's Gateways and VirtualServices become Kubernetes Gateway API, where it answers the same."""
