"""The command ``geartrain``: one front door with subcommands."""
