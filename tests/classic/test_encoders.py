"""How payloads become objects and back: the default encoder, the ready-made ones and those of programs."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from gearman.encoders import (
    BytesEncoder,
    DataEncoder,
    Encoder,
    NoopEncoder,
    TextEncoder,
    decode_payload,
    encode_payload,
)
from gearman.text import GearmanBytes


class JsonEncoder(DataEncoder):
    """As the tutorials write it: text out, whatever came in."""

    @classmethod
    def encode(cls, encodable_object: object) -> str:
        return json.dumps(encodable_object)

    @classmethod
    def decode(cls, decodable_string: bytes) -> object:
        return json.loads(decodable_string)


class Recorder:
    """An encoder that is an object and no DataEncoder; remembers what it was given."""

    def __init__(self, encoded: object = None) -> None:
        self.encoded = encoded
        self.decoded: list[bytes] = []

    def encode(self, encodable_object: object) -> object:
        return encodable_object if self.encoded is None else self.encoded

    def decode(self, decodable_string: bytes) -> bytes:
        self.decoded.append(decodable_string)
        return decodable_string


def characters(text: str) -> Iterator[str]:
    yield from text


@pytest.mark.parametrize("encoder", [NoopEncoder, NoopEncoder(), BytesEncoder, TextEncoder])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"bytes", b"bytes"),
        (bytearray(b"array"), b"array"),
        (memoryview(b"view"), b"view"),
        ("héllo", "héllo".encode()),
        (None, b""),
        (GearmanBytes(b"payload")[::-1], b"daolyap"),
        (b"", b""),
    ],
)
def test_text_bytes_and_nothing_are_sent_as_they_are(
    encoder: Encoder, value: object, expected: bytes
) -> None:
    """The ready-made encoders agree on the way out, and give plain bytes."""
    result = encode_payload(encoder, value)

    assert result == expected
    assert type(result) is bytes


@pytest.mark.parametrize("encoder", [NoopEncoder, BytesEncoder, TextEncoder])
def test_iterators_are_joined(encoder: Encoder) -> None:
    """``return reversed(job.data)`` works for text, bytes and payloads; so do generators."""
    assert encode_payload(encoder, reversed("abc")) == b"cba"
    assert encode_payload(encoder, reversed(b"abc")) == b"cba"
    assert encode_payload(encoder, reversed(GearmanBytes(b"abc"))) == b"cba"
    assert encode_payload(encoder, reversed(GearmanBytes(b"\xff\x00"))) == b"\x00\xff"
    assert encode_payload(encoder, characters("é!")) == "é!".encode()
    assert encode_payload(encoder, iter([b"a", "b", 99])) == b"abc"


@pytest.mark.parametrize("value", [5, 1.5, ["a"], {"a": 1}, object(), True])
def test_the_default_encoder_refuses_anything_else(value: object) -> None:
    """A TypeError, which a worker turns into a failed job."""
    with pytest.raises(TypeError):
        encode_payload(NoopEncoder, value)


def test_an_iterator_of_something_else_is_refused() -> None:
    """Joined are text, bytes and numbers only."""
    with pytest.raises(TypeError):
        encode_payload(NoopEncoder, iter([["a"]]))


def test_the_default_encoder_gives_payloads_in_the_mode_of_the_name() -> None:
    """A str name gets a GearmanBytes, a bytes name gets plain bytes."""
    assert type(decode_payload(NoopEncoder, b"x", "task")) is GearmanBytes
    assert type(decode_payload(NoopEncoder(), b"x", None)) is GearmanBytes
    assert type(decode_payload(NoopEncoder, b"x", b"task")) is bytes


@pytest.mark.parametrize("like", ["task", b"task"])
def test_the_bytes_encoder_gives_plain_bytes(like: object) -> None:
    """For consumers that look at the exact type."""
    assert type(decode_payload(BytesEncoder, b"\xff", like)) is bytes


@pytest.mark.parametrize("like", ["task", b"task"])
def test_the_text_encoder_gives_plain_text(like: object) -> None:
    """For programs that treat payloads as str only."""
    result = decode_payload(TextEncoder, "héllo".encode(), like)

    assert result == "héllo"
    assert type(result) is str


def test_the_text_encoder_is_strict_unless_told_otherwise() -> None:
    """What is no UTF-8 is an error, a replacement or an escape, as the program chose."""
    with pytest.raises(UnicodeDecodeError):
        decode_payload(TextEncoder, b"a\xff", "task")
    with pytest.raises(UnicodeEncodeError):
        encode_payload(TextEncoder, "a\udcff")

    assert decode_payload(TextEncoder.with_errors("replace"), b"a\xff", "task") == "a\ufffd"
    assert encode_payload(TextEncoder.with_errors("surrogateescape"), "a\udcff") == b"a\xff"
    assert TextEncoder.errors == "strict"


def test_a_custom_encoder_gets_plain_bytes_and_its_result_is_untouched() -> None:
    """``decode`` never sees a subclass of bytes, and what it returns is handed on as it is."""
    recorder = Recorder()

    result = decode_payload(recorder, b"raw", "task")

    assert type(recorder.decoded[0]) is bytes
    assert result is recorder.decoded[0]


@pytest.mark.parametrize(
    ("encoded", "expected"), [("héllo", "héllo".encode()), (bytearray(b"x"), b"x"), (b"y", b"y")]
)
def test_a_custom_encoder_may_return_text_or_bytes(encoded: object, expected: bytes) -> None:
    """Text is sent as UTF-8."""
    assert encode_payload(Recorder(encoded), object()) == expected


def test_a_custom_encoder_may_return_nothing() -> None:
    """None is sent as an empty payload."""
    assert encode_payload(Recorder(), None) == b""


def test_a_custom_encoder_that_returns_an_object_is_refused() -> None:
    """A TypeError, and not a packet with its repr."""
    with pytest.raises(TypeError):
        encode_payload(Recorder(), {"a": 1})


def test_json_round_trip_through_an_encoder_class() -> None:
    """The JSON encoder of the tutorials returns text."""
    raw = encode_payload(JsonEncoder, {"a": ["é", None]})

    assert decode_payload(JsonEncoder, raw, "task") == {"a": ["é", None]}


def test_pickle_round_trip_through_an_encoder_object() -> None:
    """The pickle encoder of the tutorials returns binary data."""

    class PickleEncoder:
        def encode(self, encodable_object: Any) -> bytes:
            return pickle.dumps(encodable_object)

        def decode(self, decodable_string: bytes) -> Any:
            return pickle.loads(decodable_string)

    raw = encode_payload(PickleEncoder(), {"a": b"\xff"})

    assert decode_payload(PickleEncoder(), raw, "task") == {"a": b"\xff"}


def test_a_subclass_of_the_default_encoder_decides_for_itself() -> None:
    """Overriding ``decode`` wins over the mode; inheriting it keeps the mode."""

    class Upper(NoopEncoder):
        @classmethod
        def decode(cls, decodable_string: Any) -> Any:
            return decodable_string.upper()

    class Compact(NoopEncoder):
        @classmethod
        def encode(cls, encodable_object: Any) -> bytes:
            return super().encode(encodable_object).strip()

    assert type(decode_payload(Upper, b"x", "task")) is bytes
    assert type(decode_payload(Compact, b"x", "task")) is GearmanBytes
    assert encode_payload(Compact, " x ") == b"x"


def test_the_base_encoder_has_to_be_overridden() -> None:
    """Both methods say so."""
    with pytest.raises(NotImplementedError):
        DataEncoder.encode("x")
    with pytest.raises(NotImplementedError):
        DataEncoder.decode(b"x")


def test_the_default_encoder_used_directly_takes_byte_strings() -> None:
    """Programs call ``NoopEncoder`` themselves; it hands byte strings through and refuses the rest."""
    raw = b"x"

    assert NoopEncoder.encode(raw) == raw
    assert NoopEncoder.decode(raw) is raw
    with pytest.raises(TypeError):
        NoopEncoder.decode("x")
