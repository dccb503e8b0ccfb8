"""``python -m controlplane``."""

from controlplane.cli.main import main

if __name__ == "__main__":
    main(prog_name="controlplane")
