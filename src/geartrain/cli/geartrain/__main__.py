"""Lets ``python -m geartrain.cli.geartrain`` run a subcommand."""

from geartrain.cli.geartrain.command import main

main()
