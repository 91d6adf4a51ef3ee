"""The command ``gearadmin``: administration, as with the C tool."""
