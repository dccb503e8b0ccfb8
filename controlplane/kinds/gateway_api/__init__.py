"""The kinds of the Kubernetes Gateway API: what users write, as structs."""
