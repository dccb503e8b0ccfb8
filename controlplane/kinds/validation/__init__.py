"""What Istio's admission and Kubernetes demand of each kind, beyond the types of its fields."""
