"""The wire: packets, their encoding, and the text protocol for administration."""
