"""What a role reports to its driver.

``token`` is the object that the driver gave when it asked: whose event this is. Handles come without the
trailing zero bytes that some servers send.
"""

from __future__ import annotations

from typing import ClassVar

from geartrain.protocol.packets import Packet, shorten


class Event:
    """Base of all events: equality and ``repr`` by the fields that a class names."""

    __slots__ = ()
    names: ClassVar[tuple[str, ...]] = ()

    def fields(self) -> tuple[object, ...]:
        """The values of the event, in the order of its constructor."""
        return tuple([getattr(self, name) for name in self.names])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return type(self) is type(other) and self.fields() == other.fields()

    def __hash__(self) -> int:
        return hash(self.fields())

    def __repr__(self) -> str:
        """Readable in a log line: payloads are shortened."""
        shown = [shorten(value) if isinstance(value, bytes) else repr(value) for value in self.fields()]
        return f"{type(self).__name__}({', '.join(shown)})"


# --- a client's submissions ---------------------------------------------------------------------------


class JobEvent(Event):
    """Base of what happens to a submission once its job has a handle."""

    __slots__ = ("handle", "token")
    names: ClassVar[tuple[str, ...]] = ("token", "handle")

    def __init__(self, token: object, handle: bytes) -> None:
        self.token = token
        self.handle = handle


class Created(JobEvent):
    """The server accepted the submission; nothing more is reported of a background job."""

    __slots__ = ()


class Failed(JobEvent):
    """The job ended without a result."""

    __slots__ = ()


class PayloadEvent(JobEvent):
    """Base of what a worker sends back."""

    __slots__ = ("data",)
    names: ClassVar[tuple[str, ...]] = ("token", "handle", "data")

    def __init__(self, token: object, handle: bytes, data: bytes) -> None:
        super().__init__(token, handle)
        self.data = data


class Data(PayloadEvent):
    """A piece of the result, while the job goes on."""

    __slots__ = ()


class Warning_(PayloadEvent):  # noqa: N801 - without the underscore it hides the builtin
    """A warning, while the job goes on."""

    __slots__ = ()


class Completed(PayloadEvent):
    """The job ended with this result."""

    __slots__ = ()


class Exception_(PayloadEvent):  # noqa: N801 - without the underscore it hides the builtin
    """The job ended without a result, and this says why. Nothing follows it."""

    __slots__ = ()


class Progress(JobEvent):
    """How far the job has come."""

    __slots__ = ("denominator", "numerator")
    names: ClassVar[tuple[str, ...]] = ("token", "handle", "numerator", "denominator")

    def __init__(self, token: object, handle: bytes, numerator: int, denominator: int) -> None:
        super().__init__(token, handle)
        self.numerator = numerator
        self.denominator = denominator


# --- answers to a client's questions ------------------------------------------------------------------


class Refused(Event):
    """The server answered a request with ERROR.

    ``request`` is the packet number of what was asked: a submission, or an option.
    """

    __slots__ = ("code", "request", "text", "token")
    names: ClassVar[tuple[str, ...]] = ("token", "request", "code", "text")

    def __init__(self, token: object, request: int, code: str, text: str) -> None:
        self.token = token
        self.request = request
        self.code = code
        self.text = text


class StatusReport(Event):
    """The state of a job, by handle; ``token`` is None if nobody asked."""

    __slots__ = ("denominator", "handle", "known", "numerator", "running", "token")
    names: ClassVar[tuple[str, ...]] = ("token", "handle", "known", "running", "numerator", "denominator")

    def __init__(
        self, token: object, handle: bytes, known: bool, running: bool, numerator: int, denominator: int
    ) -> None:
        self.token = token
        self.handle = handle
        self.known = known
        self.running = running
        self.numerator = numerator
        self.denominator = denominator


class UniqueStatusReport(Event):
    """The state of a job, by unique, and how many submissions wait for it; ``token`` as in StatusReport."""

    __slots__ = ("clients", "denominator", "known", "numerator", "running", "token", "unique")
    names: ClassVar[tuple[str, ...]] = (
        "token",
        "unique",
        "known",
        "running",
        "numerator",
        "denominator",
        "clients",
    )

    def __init__(
        self,
        token: object,
        unique: bytes,
        known: bool,
        running: bool,
        numerator: int,
        denominator: int,
        clients: int,
    ) -> None:
        self.token = token
        self.unique = unique
        self.known = known
        self.running = running
        self.numerator = numerator
        self.denominator = denominator
        self.clients = clients


class OptionAccepted(Event):
    """The server set an option for this connection."""

    __slots__ = ("option", "token")
    names: ClassVar[tuple[str, ...]] = ("token", "option")

    def __init__(self, token: object, option: bytes) -> None:
        self.token = token
        self.option = option


class Echoed(Event):
    """The server sent the data of an echo request back."""

    __slots__ = ("data", "token")
    names: ClassVar[tuple[str, ...]] = ("token", "data")

    def __init__(self, token: object, data: bytes) -> None:
        self.token = token
        self.data = data


class Unanswered(Event):
    """A question (not a submission) that will not be answered: a later one was, or the connection is lost."""

    __slots__ = ("request", "token")
    names: ClassVar[tuple[str, ...]] = ("token", "request")

    def __init__(self, token: object, request: int) -> None:
        self.token = token
        self.request = request


class Lost(Event):
    """The connection ended before the submission did.

    ``handle`` is empty if the server had not accepted it yet. In both cases the job may run, have run or
    never run: whether to submit again is for the program to say.
    """

    __slots__ = ("handle", "token")
    names: ClassVar[tuple[str, ...]] = ("token", "handle")

    def __init__(self, token: object, handle: bytes) -> None:
        self.token = token
        self.handle = handle


# --- a worker's side ----------------------------------------------------------------------------------


class Noop(Event):
    """The server may have a job: time to grab."""

    __slots__ = ()


class NoJob(Event):
    """The server had no job for the last grab: time to sleep."""

    __slots__ = ()


class Assigned(Event):
    """A job to run. ``unique`` and ``reducer`` are empty where the grab did not ask for them."""

    __slots__ = ("data", "function", "handle", "reducer", "unique")
    names: ClassVar[tuple[str, ...]] = ("handle", "function", "unique", "reducer", "data")

    def __init__(self, handle: bytes, function: bytes, unique: bytes, reducer: bytes, data: bytes) -> None:
        self.handle = handle
        self.function = function
        self.unique = unique
        self.reducer = reducer
        self.data = data


class LateResult(Event):
    """The server does not count a job as this worker's any more; something sent for it was dropped.

    That happens after a time limit ran out, a job was cancelled, or a second final packet was sent. The
    server does not say which job it is.
    """

    __slots__ = ("text",)
    names: ClassVar[tuple[str, ...]] = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


# --- either side --------------------------------------------------------------------------------------


class ServerError(Event):
    """An ERROR packet that answers nothing which was asked."""

    __slots__ = ("code", "text")
    names: ClassVar[tuple[str, ...]] = ("code", "text")

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text


class Ignored(Event):
    """A packet that concerns nobody: a handle that is unknown or has ended, or a reply to nothing."""

    __slots__ = ("packet",)
    names: ClassVar[tuple[str, ...]] = ("packet",)

    def __init__(self, packet: Packet) -> None:
        self.packet = packet
