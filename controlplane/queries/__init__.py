"""The only tracked functions: they select, call ``translate`` and ``envoy``, and remember."""
