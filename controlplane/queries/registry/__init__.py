"""Services, their endpoints, and proxies: what is there."""
