"""``python -m controlplane`` is the command ``controlplane``."""

from controlplane.cli.main import main

main(prog_name="controlplane")
