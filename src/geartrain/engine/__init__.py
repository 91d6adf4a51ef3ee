"""The job server as a state machine: messages and the time in, bytes and notices out."""

from geartrain.engine.core import Engine
from geartrain.engine.notices import Notice
from geartrain.engine.options import EngineOptions
from geartrain.engine.peer import Peer

__all__ = ["Engine", "EngineOptions", "Notice", "Peer"]
