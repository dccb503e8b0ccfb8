"""Which objects a proxy serves."""
