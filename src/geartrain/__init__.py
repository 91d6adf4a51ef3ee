"""Gearman for Python, whole: job server, clients, workers and tools."""

from importlib.metadata import version

__version__ = version("geartrain")

__all__ = ["__version__"]
