"""How payloads become objects and back.

A ``data_encoder`` is a class or an object with ``encode`` and ``decode``. ``decode`` always gets plain
``bytes``, and what it returns reaches the program untouched. ``encode`` may return bytes, text (which is sent
as UTF-8) or None (which is sent as nothing).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from gearman.text import payload_like, to_bytes


class Encoder(Protocol):
    """What may be set as ``data_encoder``."""

    def encode(self, encodable_object: Any, /) -> Any: ...

    def decode(self, decodable_string: bytes, /) -> Any: ...


class DataEncoder:
    """Base of encoders of your own: override both methods."""

    @classmethod
    def encode(cls, encodable_object: Any) -> Any:
        """The payload that stands for an object: bytes, text or None."""
        raise NotImplementedError

    @classmethod
    def decode(cls, decodable_string: Any) -> Any:
        """The object that a payload stands for."""
        raise NotImplementedError


class NoopEncoder(DataEncoder):
    """The default: payloads are sent as they are, and arrive in the mode of the task's name.

    Text is sent as UTF-8, None as nothing; an iterator of text, bytes or numbers, such as ``reversed``
    gives, is joined. Anything else is a TypeError.
    """

    @classmethod
    def encode(cls, encodable_object: Any) -> bytes:
        return _plain_payload(encodable_object)

    @classmethod
    def decode(cls, decodable_string: Any) -> Any:
        if not isinstance(decodable_string, (bytes, bytearray)):
            raise TypeError(f"expected bytes, got {type(decodable_string).__name__}")
        return decodable_string


class BytesEncoder(DataEncoder):
    """Payloads arrive as plain ``bytes``, whatever the task's name is; sending is as by default."""

    @classmethod
    def encode(cls, encodable_object: Any) -> bytes:
        return _plain_payload(encodable_object)

    @classmethod
    def decode(cls, decodable_string: Any) -> bytes:
        return bytes(decodable_string)


class TextEncoder(DataEncoder):
    """Payloads arrive as plain ``str``; what is no UTF-8 is a UnicodeError, unless ``errors`` says otherwise.

    ``TextEncoder.with_errors('replace')`` gives an encoder that goes on with a replacement character.
    """

    errors = "strict"

    @classmethod
    def encode(cls, encodable_object: Any) -> bytes:
        if isinstance(encodable_object, str):
            return encodable_object.encode("utf-8", cls.errors)
        return _plain_payload(encodable_object)

    @classmethod
    def decode(cls, decodable_string: Any) -> str:
        return str(decodable_string, "utf-8", cls.errors)

    @classmethod
    def with_errors(cls, errors: str) -> type[TextEncoder]:
        """A text encoder with another error handler: ``'replace'``, ``'surrogateescape'``, ``'ignore'`` …"""
        return type(cls.__name__, (cls,), {"errors": errors})


def encode_payload(encoder: Encoder, value: object) -> bytes:
    """The payload of a value, as plain bytes.

    Raises TypeError if the encoder returned anything but bytes, text or None, and whatever it raises.
    """
    encoded = encoder.encode(value)
    return b"" if encoded is None else to_bytes(encoded)


def decode_payload(encoder: Encoder, raw: bytes, like: object) -> Any:
    """The object of a payload, for a task named with ``like``; raises whatever the encoder raises.

    Only what the default encoder passes through takes on the mode of the name.
    """
    decoded = encoder.decode(raw)
    if decoded is raw and _is_default(encoder):
        return payload_like(raw, like)
    return decoded


def _is_default(encoder: Encoder) -> bool:
    if isinstance(encoder, type):
        return issubclass(encoder, NoopEncoder)
    return isinstance(encoder, NoopEncoder)


def _plain_payload(value: object) -> bytes:
    if value is None:
        return b""
    if isinstance(value, Iterator):
        return b"".join([_piece(item) for item in value])
    return to_bytes(value)


def _piece(item: object) -> bytes:
    return bytes((item,)) if isinstance(item, int) else to_bytes(item)
