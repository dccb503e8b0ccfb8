"""What part of a proxy its resources depend on."""
