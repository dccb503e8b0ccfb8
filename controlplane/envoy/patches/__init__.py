"""The user's patches of messages, in Istio's order and with its rules."""
