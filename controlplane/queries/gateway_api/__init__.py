"""Which Gateways are served here, their listeners, and what may refer to what."""
