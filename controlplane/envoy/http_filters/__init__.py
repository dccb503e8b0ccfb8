"""The filters that requests go through: one module each; their order is data in ``order``."""
