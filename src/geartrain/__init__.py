"""Gearman for Python, whole: job server, clients, workers and tools."""

__version__: str

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    # Looked up when somebody asks: to find it takes about as long as to start one of the tools.
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version

    return version("geartrain")
