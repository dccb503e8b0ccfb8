"""An Istio control plane that runs without Kubernetes."""
