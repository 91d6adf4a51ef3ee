"""Lets ``python -m geartrain.cli.gearmand`` start the server."""

from geartrain.cli.gearmand.command import main

main()
