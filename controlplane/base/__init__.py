"""The words every other package speaks: names, hosts, units, places, diagnostics."""
