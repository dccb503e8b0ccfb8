"""The vocabulary of every other package: names, hosts, units, places, diagnostics."""
