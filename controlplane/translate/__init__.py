"""The kinds of the user become the neutral model; Istio and Kubernetes do not know each other."""
