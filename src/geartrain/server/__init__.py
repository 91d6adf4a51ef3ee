"""The job server on asyncio: run it in a program of your own, or as the command ``gearmand``."""

from geartrain.errors import BindError
from geartrain.server.config import ServerConfig
from geartrain.server.server import Server
from geartrain.server.thread import RunningServer, run_in_thread

__all__ = ["BindError", "RunningServer", "Server", "ServerConfig", "run_in_thread"]
