"""The asyncio front: connections to job servers for programs with an event loop."""
