"""Listeners, and the secrets that proxies ask for."""
