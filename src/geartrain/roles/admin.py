"""One connection as an administrator sees it.

Rules:

* The server answers in the order of the requests, whether they were text or packets, and no answer says what
  it answers. So all requests wait in one line, and each answer belongs to the first of them.
* What ends an answer depends on the request: a line with a single dot for a list, the line itself for
  everything else. ``ERR`` in place of the first row ends a list as well: the server knows no such command.
* A request that is never answered blocks the line. There is no way to tell a late answer from the next one,
  so a driver that gives up waiting has to close the connection.
"""

from __future__ import annotations

from collections import deque
from typing import ClassVar, Final

from geartrain.errors import LocalProtocolError, ProtocolError
from geartrain.protocol.admin import END_OF_LIST, is_error_line, is_list_command
from geartrain.protocol.codec import MAX_LINE_BYTES, AdminLine, Fault, Message
from geartrain.protocol.packets import ECHO_REQ, ECHO_RES, Packet
from geartrain.roles.events import Echoed, Event, Ignored

# What must not stand in a line, whose end it would be, and what must not stand in a word.
_NOT_IN_LINES: Final = (b"\n", b"\r", b"\0")
_NOT_IN_WORDS: Final = (*_NOT_IN_LINES, b" ")


class Answered(Event):
    """The answer to a command: the rows of a list without the final dot, or a single line."""

    __slots__ = ("command", "lines", "token")
    names: ClassVar[tuple[str, ...]] = ("token", "command", "lines")

    def __init__(self, token: object, command: bytes, lines: tuple[bytes, ...]) -> None:
        self.token = token
        self.command = command
        self.lines = lines


class CommandRefused(Event):
    """The server answered a command with this ``ERR`` line."""

    __slots__ = ("command", "line", "token")
    names: ClassVar[tuple[str, ...]] = ("token", "command", "line")

    def __init__(self, token: object, command: bytes, line: bytes) -> None:
        self.token = token
        self.command = command
        self.line = line


class UnexpectedLine(Event):
    """A line that answers nothing which was asked: client and server disagree where they are."""

    __slots__ = ("line",)
    names: ClassVar[tuple[str, ...]] = ("line",)

    def __init__(self, line: bytes) -> None:
        self.line = line


class _Question:
    """A request that waits for its answer; an echo has no command."""

    __slots__ = ("command", "is_list", "token")

    def __init__(self, token: object, command: bytes | None) -> None:
        self.token = token
        self.command = command
        self.is_list = command is not None and is_list_command(command)


class AdminRole:
    """Asks a server about itself over one connection, and tells what it answered."""

    __slots__ = ("_outgoing", "_rows", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[_Question] = deque()
        self._outgoing: list[Packet | AdminLine] = []
        # The rows of the list that is being read, which answers the first in line.
        self._rows: list[bytes] = []

    @property
    def waiting(self) -> int:
        """How many requests have not been answered yet."""
        return len(self._waiting)

    @property
    def unfinished(self) -> tuple[bytes, bytes] | None:
        """The list command that is being answered, and its first row; None while there is no row."""
        if not self._rows:
            return None
        command = self._waiting[0].command
        assert command is not None
        return command, self._rows[0]

    def ask(self, token: object, command: bytes) -> None:
        """Sends a command line, given without its end; reports Answered or CommandRefused.

        Raises LocalProtocolError for a line that would be read as something else: one with a line end or a
        zero byte in it, and one over the limit of lines.
        """
        for piece in _NOT_IN_LINES:
            if piece in command:
                raise LocalProtocolError(f"a command line cannot hold {piece!r}: {command!r}")
        if len(command) + 2 > MAX_LINE_BYTES:
            raise LocalProtocolError(f"a command line of {len(command)} bytes is over the limit")
        self._waiting.append(_Question(token, command))
        self._outgoing.append(AdminLine(command))

    def echo(self, token: object, data: bytes) -> None:
        """Asks the server to send the data back; reports Echoed."""
        self._waiting.append(_Question(token, None))
        self._outgoing.append(Packet(ECHO_REQ, (data,)))

    def drain(self) -> list[Packet | AdminLine]:
        """What to send, oldest first; it is the caller's from now on."""
        outgoing = self._outgoing
        self._outgoing = []
        return outgoing

    def receive(self, message: Message) -> list[Event]:
        """Takes a message of the server and returns what it means.

        Raises ProtocolError for a message that cannot be understood; the connection is of no use then.
        """
        if isinstance(message, AdminLine):
            return self._line(message.text)
        if isinstance(message, Fault):
            raise ProtocolError(message.code, message.text)
        if message.number == ECHO_RES and self._waiting and self._waiting[0].command is None:
            return [Echoed(self._waiting.popleft().token, message.arguments[0])]
        return [Ignored(message)]

    def lost(self) -> list[object]:
        """Ends the role because its connection is gone; the tokens of what was not answered."""
        tokens = [question.token for question in self._waiting]
        self._waiting.clear()
        self._outgoing.clear()
        self._rows.clear()
        return tokens

    def _line(self, line: bytes) -> list[Event]:
        if not self._waiting or self._waiting[0].command is None:
            return [UnexpectedLine(line)]
        question = self._waiting[0]
        if self._refuses(question, line):
            return [CommandRefused(question.token, self._next_command(), line)]
        if not question.is_list:
            return [Answered(question.token, self._next_command(), (line,))]
        if line != END_OF_LIST:
            self._rows.append(line)
            return []
        rows = tuple(self._rows)
        return [Answered(question.token, self._next_command(), rows)]

    def _refuses(self, question: _Question, line: bytes) -> bool:
        if not is_error_line(line):
            return False
        # A function may be called "ERR x"; its row has tabs, which no error line has.
        return not question.is_list or (not self._rows and b"\t" not in line)

    def _next_command(self) -> bytes:
        """Takes the first out of the line."""
        self._rows.clear()
        command = self._waiting.popleft().command
        assert command is not None
        return command


def command_line(*words: bytes) -> bytes:
    """The words as a command line.

    Raises LocalProtocolError for a word that would be read as something else: an empty one, and one with a
    blank, a line end or a zero byte in it. The text protocol has no way to quote them.
    """
    for word in words:
        for piece in _NOT_IN_WORDS:
            if piece in word:
                raise LocalProtocolError(f"a word of a command cannot hold {piece!r}: {word!r}")
        if not word:
            raise LocalProtocolError("a word of a command cannot be empty")
    return b" ".join(words)
