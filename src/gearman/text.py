"""Text and bytes side by side, as programs written for Python 2 and for its forks expect them.

Names and payloads travel as bytes. Whoever names a task with a ``str`` works in *native mode* and gets
values that behave like the byte strings of Python 2: names as ``GearmanStr``, payloads as ``GearmanBytes``.
Whoever names a task with ``bytes`` works in *bytes mode* and gets plain ``bytes``.

Text becomes UTF-8, and bytes that are no UTF-8 become lone surrogates in text (``surrogateescape``), so that
nothing is lost on the way from bytes to text and back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, SupportsIndex

_CHARSET: Final = "utf-8"
_LOSSLESS: Final = "surrogateescape"


def to_bytes(value: object) -> bytes:
    """Plain bytes of a name or payload: text as UTF-8, anything bytes-like as it is; else TypeError."""
    if isinstance(value, str):
        return value.encode(_CHARSET, _LOSSLESS)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    try:
        return bytes(memoryview(value))  # type: ignore[arg-type]  # the error is the answer
    except TypeError:
        raise TypeError(f"expected text or bytes, got {type(value).__name__}: {value!r}") from None


def to_text(value: bytes) -> str:
    """The bytes as plain text that turns back into the same bytes."""
    return value.decode(_CHARSET, _LOSSLESS)


def is_bytes_mode(like: object) -> bool:
    """Whether a task named with this object asks for plain bytes.

    A ``GearmanBytes`` does not: it came out of a native mode payload, so its owner knows it as text.
    """
    return isinstance(like, (bytes, bytearray, memoryview)) and not isinstance(like, GearmanBytes)


def name_like(raw: bytes, like: object) -> bytes | GearmanStr:
    """A name off the wire, in the mode of the task name ``like``."""
    return raw if is_bytes_mode(like) else GearmanStr.from_bytes(raw)


def payload_like(raw: bytes, like: object) -> bytes:
    """A payload off the wire, in the mode of the task name ``like``."""
    return raw if is_bytes_mode(like) else GearmanBytes(raw)


class GearmanStr(str):
    """A name as text that is also equal to its bytes and can be decoded like them."""

    __slots__ = ()

    @classmethod
    def from_bytes(cls, raw: bytes) -> GearmanStr:
        """The name that these bytes spell."""
        return cls(to_text(raw))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (bytes, bytearray)):
            return to_bytes(self) == other
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        if isinstance(other, (bytes, bytearray)):
            return to_bytes(self) != other
        return str.__ne__(self, other)

    __hash__ = str.__hash__

    def __bytes__(self) -> bytes:
        return to_bytes(self)

    def decode(self, encoding: str = _CHARSET, errors: str = "strict") -> str:
        """The name as plain text, as ``bytes.decode`` would give it."""
        return to_bytes(self).decode(encoding, errors)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, GearmanBytes):
            return to_text(to_bytes(self) + other)
        if isinstance(other, bytes):
            return to_bytes(self) + other
        return str.__add__(self, other)

    def __radd__(self, other: object) -> Any:
        # Only plain bytes get here: text and payloads add a name to themselves.
        return other + to_bytes(self) if isinstance(other, bytes) else NotImplemented


class GearmanBytes(bytes):
    """A payload: always bytes, yet at home among text.

    Slices and methods give ``GearmanBytes`` again. With text as the other operand or as an argument, an
    operation works on the text and gives text. Indexing and iterating give numbers, as for ``bytes``;
    positions (``find``, ``index``) count bytes.
    """

    __slots__ = ()

    # --- as text ------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        return self.decode(_CHARSET, "backslashreplace")

    def __format__(self, format_spec: str) -> str:
        return format(str(self), format_spec)

    def encode(self, encoding: str = _CHARSET, errors: str = _LOSSLESS) -> GearmanBytes:
        """The text of the payload in another encoding."""
        return GearmanBytes(to_text(self).encode(encoding, errors))

    def __reversed__(self) -> Any:  # a ReversedPayload
        return ReversedPayload(self)

    # --- comparing ----------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        return bytes.__eq__(self, _comparable(other))

    def __ne__(self, other: object) -> bool:
        return bytes.__ne__(self, _comparable(other))

    __hash__ = bytes.__hash__

    def __lt__(self, other: Any) -> bool:
        return bytes.__lt__(self, _comparable(other))

    def __le__(self, other: Any) -> bool:
        return bytes.__le__(self, _comparable(other))

    def __gt__(self, other: Any) -> bool:
        return bytes.__gt__(self, _comparable(other))

    def __ge__(self, other: Any) -> bool:
        return bytes.__ge__(self, _comparable(other))

    # --- operators ----------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        if isinstance(other, str):
            return to_text(self) + other
        return GearmanBytes(bytes.__add__(self, other))

    def __radd__(self, other: object) -> Any:
        if isinstance(other, str):
            return str(other) + to_text(self)
        if isinstance(other, bytes):
            return GearmanBytes(bytes.__add__(other, self))
        # A bytearray or list on the left knows best, and grows in place for `+=`.
        return NotImplemented

    def __mul__(self, count: SupportsIndex) -> GearmanBytes:
        return GearmanBytes(bytes.__mul__(self, count))

    def __rmul__(self, count: SupportsIndex) -> GearmanBytes:
        return GearmanBytes(bytes.__mul__(self, count))

    def __mod__(self, values: Any) -> Any:
        given = values if isinstance(values, tuple) else (values,)
        if any(isinstance(value, str) for value in given):
            return to_text(self) % values
        return GearmanBytes(bytes.__mod__(self, values))

    def __getitem__(self, key: Any) -> Any:
        item = bytes.__getitem__(self, key)
        return GearmanBytes(item) if isinstance(item, bytes) else item

    def __contains__(self, item: Any) -> bool:
        return bytes.__contains__(self, _searchable(item))

    # --- positions ----------------------------------------------------------------------------------------

    def count(self, sub: Any, *bounds: Any) -> int:
        return bytes.count(self, _searchable(sub), *bounds)

    def find(self, sub: Any, *bounds: Any) -> int:
        return bytes.find(self, _searchable(sub), *bounds)

    def index(self, sub: Any, *bounds: Any) -> int:
        return bytes.index(self, _searchable(sub), *bounds)

    def rfind(self, sub: Any, *bounds: Any) -> int:
        return bytes.rfind(self, _searchable(sub), *bounds)

    def rindex(self, sub: Any, *bounds: Any) -> int:
        return bytes.rindex(self, _searchable(sub), *bounds)

    def join(self, parts: Iterable[Any]) -> Any:
        given = list(parts)
        if any(isinstance(part, str) for part in given):
            return to_text(self).join([_as_text(part) for part in given])
        return GearmanBytes(bytes.join(self, given))


class ReversedPayload:
    """What ``reversed(payload)`` gives: its characters last to first, or its numbers if it is no text.

    An iterator that also knows its length, and whose bytes are the whole reversed payload.
    """

    __slots__ = ("_items", "_position")

    def __init__(self, payload: bytes) -> None:
        try:
            self._items: str | bytes = payload.decode(_CHARSET)[::-1]
        except UnicodeDecodeError:
            self._items = bytes(payload)[::-1]
        self._position = 0

    def __len__(self) -> int:
        """How many items there are in all, however many have been taken."""
        return len(self._items)

    def __iter__(self) -> ReversedPayload:
        return self

    def __next__(self) -> str | int:
        if self._position == len(self._items):
            raise StopIteration
        self._position += 1
        return self._items[self._position - 1]

    def __bytes__(self) -> bytes:
        return to_bytes(self._items)


# --- methods that only differ by whether text is among their arguments ------------------------------------

# fmt: off
_BYTES_METHODS: Final = (
    "capitalize", "center", "endswith", "expandtabs", "ljust", "lower", "lstrip", "partition", "removeprefix",
    "removesuffix", "replace", "rjust", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith",
    "strip", "swapcase", "title", "translate", "upper", "zfill",
)
_TEXT_METHODS: Final = (
    "casefold", "format", "format_map", "isdecimal", "isidentifier", "isnumeric", "isprintable",
)
# fmt: on


def _method_of_bytes_or_text(name: str) -> Callable[..., Any]:
    of_bytes = getattr(bytes, name)

    def method(self: GearmanBytes, *args: Any, **kwargs: Any) -> Any:
        if any(_is_textual(value) for value in (*args, *kwargs.values())):
            texts = {key: _as_text(value) for key, value in kwargs.items()}
            return getattr(to_text(self), name)(*[_as_text(value) for value in args], **texts)
        return _as_payload(of_bytes(self, *args, **kwargs))

    method.__name__ = name
    method.__doc__ = f"``bytes.{name}``, or ``str.{name}`` when an argument is text."
    return method


def _method_of_text(name: str) -> Callable[..., Any]:
    def method(self: GearmanBytes, *args: Any, **kwargs: Any) -> Any:
        return getattr(to_text(self), name)(*args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"``str.{name}`` of the payload as text."
    return method


for _name in _BYTES_METHODS:
    setattr(GearmanBytes, _name, _method_of_bytes_or_text(_name))
for _name in _TEXT_METHODS:
    setattr(GearmanBytes, _name, _method_of_text(_name))


def _comparable(other: Any) -> Any:
    """The other side of a comparison, text as bytes; what is neither stays and compares as unequal."""
    if not isinstance(other, str):
        return other
    try:
        return to_bytes(other)
    except UnicodeEncodeError:  # a surrogate that stands for no byte: equal to no payload
        return None


def _searchable(item: Any) -> Any:
    return to_bytes(item) if isinstance(item, str) else item


def _is_textual(value: Any) -> bool:
    """Whether an argument asks for text: text, a tuple with text in it, or a table of ``str.maketrans``."""
    if isinstance(value, tuple):
        return any(isinstance(item, str) for item in value)
    return isinstance(value, (str, dict))


def _as_text(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return to_text(bytes(value))
    if isinstance(value, tuple):
        return tuple(_as_text(item) for item in value)
    return value


def _as_payload(value: Any) -> Any:
    if isinstance(value, bytes):
        return GearmanBytes(value)
    if isinstance(value, list):
        return [GearmanBytes(item) for item in value]
    if isinstance(value, tuple):
        return tuple(GearmanBytes(item) for item in value)
    return value
