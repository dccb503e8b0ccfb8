"""What TLS is expected and what is presented: secrets in use, and probes of upstreams."""
