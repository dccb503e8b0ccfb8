"""SPIFFE names, the authority, tokens, certificates."""
