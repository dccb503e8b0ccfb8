"""The filters that connections go through: one module each; their order is data in ``order``."""
