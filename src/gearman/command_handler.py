"""What the handlers of clients, workers and admin clients share: commands in, commands out."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gearman import protocol
from gearman.encoders import decode_payload, encode_payload
from gearman.errors import GearmanError, UnknownCommandError
from geartrain.protocol.packets import Packet

if TYPE_CHECKING:
    from gearman.connection_manager import GearmanConnectionManager

__all__ = ["GearmanCommandHandler"]

gearman_logger = logging.getLogger(__name__)

_CONSTANT_PREFIX = "GEARMAN_COMMAND_"


class GearmanCommandHandler:
    """Handles the commands of one connection.

    A command arrives at the method ``recv_`` + its name, with its parameters as keywords. A method that
    returns something false puts the commands behind it off until the next round.
    """

    def __init__(self, connection_manager: GearmanConnectionManager | None = None) -> None:
        if connection_manager is None:
            raise AssertionError("a handler needs a connection manager")
        # Weak, so that an abandoned client is freed, and closes its sockets, at once.
        self._manager_reference = weakref.ref(connection_manager)

    @property
    def connection_manager(self) -> Any:
        """The client or worker that this handler belongs to."""
        manager = self._manager_reference()
        if manager is None:
            raise GearmanError("The client or worker of this handler is gone")
        return manager

    def initial_state(self, *args: Any, **kwargs: Any) -> None:
        """Called once the connection is there, with ``handler_initial_state`` of the manager."""

    def on_io_error(self) -> None:
        """Called once the connection is lost or closed."""

    # --- payloads ---------------------------------------------------------------------------------------

    def encode_data(self, data: Any) -> bytes:
        """The payload of a value; raises whatever the encoder raises."""
        return encode_payload(self.connection_manager.data_encoder, data)

    def decode_data(self, data: bytes, like: object = None) -> Any:
        """The value of a payload, in the mode of the task name ``like``; raises what the encoder raises."""
        return decode_payload(self.connection_manager.data_encoder, data, like)

    # --- commands ---------------------------------------------------------------------------------------

    def fetch_commands(self) -> None:
        """Handles the commands that have come in."""
        continue_working = True
        while continue_working:
            command = self.connection_manager.read_command(self)
            if command is None:
                break
            cmd_type, cmd_args = command
            continue_working = bool(self.recv_command(cmd_type, **cmd_args))

    def send_command(self, cmd_type: int, **cmd_args: Any) -> None:
        """Queues a command to be sent."""
        self.connection_manager.send_command(self, cmd_type, cmd_args)

    def send_packets(self, packets: list[Packet]) -> None:
        """Queues what a role wants sent."""
        for packet in packets:
            names = protocol.GEARMAN_PARAMS_FOR_COMMAND[packet.number]
            self.send_command(packet.number, **dict(zip(names, packet.arguments, strict=True)))

    def recv_command(self, cmd_type: int, **cmd_args: Any) -> Any:
        """Hands a command to its method.

        Raises ValueError for a number that does not exist and UnknownCommandError if there is no method.
        """
        constant = protocol.GEARMAN_COMMAND_TO_NAME.get(cmd_type)
        if constant is None:
            raise ValueError(f"Not a command: {cmd_type!r}")
        name = "recv_" + constant.removeprefix(_CONSTANT_PREFIX).lower()
        method: Callable[..., Any] | None = getattr(self, name, None)
        if method is None:
            raise UnknownCommandError(f"{type(self).__name__} does not handle {constant}: {cmd_args!r}")
        return method(**cmd_args)

    def recv_error(self, error_code: Any, error_text: Any) -> Any:
        """The server refused something."""
        self.connection_manager.on_gearman_error(as_text(error_code), as_text(error_text))
        # What the hook returns must not stop the commands behind the error.
        return True


def as_text(value: bytes | str) -> str:
    """A server's words as plain text, whatever they hold."""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
