"""Names and payloads that behave like the byte strings of Python 2 (each row of the table is a test)."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import operator
import pickle
import sqlite3
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gearman.text import GearmanBytes, GearmanStr, is_bytes_mode, name_like, payload_like, to_bytes

HELLO: Any = GearmanBytes(b"Hello World!")
UMLAUT: Any = GearmanBytes("héllo".encode())
BINARY: Any = GearmanBytes(bytes(range(256)))


# --- in: both, everywhere -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", b"text"),
        ("héllo", "héllo".encode()),
        ("\udcff", b"\xff"),
        (b"bytes", b"bytes"),
        (bytearray(b"array"), b"array"),
        (memoryview(b"view"), b"view"),
        (GearmanStr("name"), b"name"),
        (GearmanBytes(b"payload"), b"payload"),
    ],
)
def test_text_and_bytes_become_plain_bytes(value: object, expected: bytes) -> None:
    """str is encoded as UTF-8 with surrogateescape, anything bytes-like is taken as it is."""
    result = to_bytes(value)

    assert result == expected
    assert type(result) is bytes


@pytest.mark.parametrize("value", [None, 5, 1.5, ["a"], {"a": 1}, object()])
def test_what_is_neither_text_nor_bytes_is_refused(value: object) -> None:
    """A TypeError names the type that was given."""
    with pytest.raises(TypeError, match=type(value).__name__):
        to_bytes(value)


@pytest.mark.parametrize("like", [b"task", bytearray(b"task"), memoryview(b"task")])
def test_a_bytes_name_asks_for_plain_bytes(like: object) -> None:
    """Bytes mode: names and payloads are exactly of type bytes."""
    assert is_bytes_mode(like)
    assert type(name_like(b"name", like)) is bytes
    assert type(payload_like(b"data", like)) is bytes


@pytest.mark.parametrize("like", ["task", GearmanStr("task"), GearmanBytes(b"task"), None])
def test_a_text_name_asks_for_native_values(like: object) -> None:
    """Native mode also holds for a name cut out of a native payload, and where no name is known."""
    assert not is_bytes_mode(like)
    assert type(name_like(b"name", like)) is GearmanStr
    assert type(payload_like(b"data", like)) is GearmanBytes


# --- names: GearmanStr --------------------------------------------------------------------------------


def test_a_name_equals_and_hashes_like_its_text() -> None:
    """Dictionaries and comparisons of programs that use str go on working."""
    name: Any = GearmanStr("H:host:1")

    assert name == "H:host:1"
    assert not operator.ne(name, "H:host:1")
    assert {"H:host:1": 1}[name] == 1
    assert {name: 1}["H:host:1"] == 1


def test_a_name_equals_its_bytes() -> None:
    """Programs of the bytes forks compare handles and uniques with bytes."""
    name: Any = GearmanStr("H:host:1")

    assert name == b"H:host:1"
    assert operator.eq(b"H:host:1", name)
    assert not operator.ne(name, b"H:host:1")
    assert name != b"H:host:2"
    assert name in [b"H:host:1"]
    assert {b"H:host:1": 1}[name] == 1


def test_a_name_decodes_to_plain_text() -> None:
    """``job.unique.decode()`` of the bytes forks works, and gives a plain str."""
    decoded = GearmanStr("héllo").decode()

    assert decoded == "héllo"
    assert type(decoded) is str


@given(st.binary())
def test_any_bytes_survive_as_a_name(raw: bytes) -> None:
    """Names that are no UTF-8 go through text and back without loss."""
    name = GearmanStr.from_bytes(raw)

    assert to_bytes(name) == raw
    assert bytes(name) == raw
    assert name == raw


def test_a_name_adds_to_text_and_to_bytes() -> None:
    """``handle + ','`` is text; ``b'a' + unique`` of one fork is bytes."""
    name: Any = GearmanStr("x")

    assert name + "," == "x,"
    assert "," + name == ",x"
    assert name + b"," == b"x,"
    assert b"," + name == b",x"


def test_a_name_dumps_pickles_and_copies() -> None:
    """Names end up in JSON documents and in other processes."""
    name = GearmanStr("H:host:1")

    assert json.dumps({"handle": name}) == '{"handle": "H:host:1"}'
    assert type(pickle.loads(pickle.dumps(name))) is GearmanStr
    assert copy.deepcopy(name) == name
    assert type(str(name)) is str


# --- payloads: adding and cutting ---------------------------------------------------------------------


def test_text_plus_payload_is_text() -> None:
    """The first line of every tutorial: ``'Reversing string: ' + job.data``."""
    assert "Reversing string: " + HELLO == "Reversing string: Hello World!"
    assert type("t" + HELLO) is str
    assert type(HELLO + "t") is str
    assert HELLO + "?" == "Hello World!?"
    assert type(GearmanStr("t") + HELLO) is str


def test_payload_plus_bytes_is_a_payload() -> None:
    """Operations among payloads and bytes stay what they are."""
    for result in (HELLO + b"x", b"x" + HELLO, HELLO + HELLO, HELLO * 2, 2 * HELLO):
        assert type(result) is GearmanBytes
    assert b"x" + HELLO == b"xHello World!"
    assert HELLO * 2 == b"Hello World!Hello World!"


def test_collecting_into_a_bytearray_or_list_grows_it_in_place() -> None:
    """``buffer += payload`` must not copy the buffer each time."""
    buffer, numbers = bytearray(b"<"), [0]
    first_buffer, first_numbers = buffer, numbers

    buffer += HELLO
    numbers += HELLO

    assert buffer is first_buffer
    assert buffer == b"<Hello World!"
    assert numbers is first_numbers
    assert type(bytearray(b"<") + HELLO) is bytearray


def test_adding_a_number_is_a_type_error() -> None:
    """Only text and bytes add up."""
    with pytest.raises(TypeError):
        HELLO + 5
    with pytest.raises(TypeError):
        5 + HELLO


def test_slices_are_payloads_and_items_are_numbers() -> None:
    """``job.data[::-1]`` is what the tutorials return."""
    assert HELLO[::-1] == b"!dlroW olleH"
    assert type(HELLO[::-1]) is GearmanBytes
    assert HELLO[0] == ord("H")
    assert list(HELLO[:2]) == [72, 101]


@pytest.mark.parametrize(
    "operation",
    [
        lambda d: d.strip(),
        lambda d: d.lower(),
        lambda d: d.upper(),
        lambda d: d.title(),
        lambda d: d.strip(b"H"),
        lambda d: d.replace(b"l", b"L"),
        lambda d: d.split()[0],
        lambda d: d.split(b"o")[0],
        lambda d: d.partition(b" ")[0],
        lambda d: d.splitlines(keepends=True)[0],
        lambda d: d.center(20),
        lambda d: d.removeprefix(b"Hello"),
        lambda d: d.translate(None, b"l"),
        lambda d: d.join([b"a", b"b"]),
        lambda d: d % (),
        lambda d: d.encode(),
    ],
)
def test_methods_without_text_give_payloads_as_bytes_would(operation: Callable[[Any], Any]) -> None:
    """Closed under its own operations, with the values of plain bytes."""
    result = operation(HELLO)

    assert type(result) is GearmanBytes
    if result != HELLO:
        assert result == operation(b"Hello World!")


@pytest.mark.parametrize(
    "operation",
    [
        lambda d: d.split(" "),
        lambda d: d.split(sep="o", maxsplit=1),
        lambda d: d.rsplit("o", 1),
        lambda d: d.strip("H!"),
        lambda d: d.replace("World", "there"),
        lambda d: d.partition(" "),
        lambda d: d.startswith("Hello"),
        lambda d: d.startswith(("x", "Hello")),
        lambda d: d.endswith("!"),
        lambda d: d.removesuffix("!"),
        lambda d: d.center(20, "*"),
        lambda d: d.translate(str.maketrans("lo", "01")),
        lambda d: d.join(["a", "b"]),
        lambda d: d.find("World"),
        lambda d: d.index("o"),
        lambda d: d.rfind("o"),
        lambda d: d.rindex("o", 0, 6),
        lambda d: d.count("o"),
        lambda d: "World" in d,
        lambda d: "world" in d,
        lambda d: d.casefold(),
        lambda d: d.isnumeric(),
        lambda d: d.isprintable(),
        lambda d: d.format(),
        lambda d: d.zfill(20).upper().split("H"),
    ],
)
def test_methods_with_text_work_as_on_text(operation: Callable[[Any], Any]) -> None:
    """With a str argument, the result is that of the same text."""
    result = operation(HELLO)

    assert result == operation("Hello World!")
    assert type(result) is type(operation("Hello World!"))


def test_methods_take_text_and_bytes_together() -> None:
    """One str argument turns the whole call into one on text."""
    assert HELLO.replace("World", b"there") == "Hello there!"
    assert HELLO.startswith((b"x", "Hello"))
    assert HELLO.join(["a", b"b"]) == "aHello World!b"


def test_positions_count_bytes() -> None:
    """``d[d.find('l'):]`` cuts at the right place, also behind characters of several bytes."""
    assert UMLAUT[UMLAUT.find("l") :] == b"llo"
    assert UMLAUT.count("é") == 1


def test_percent_formatting_takes_text_and_bytes() -> None:
    """A payload may be a template."""
    template: Any = GearmanBytes(b"<%s>")

    assert template % "x" == "<x>"
    assert template % (b"x",) == b"<x>"
    assert type(template % b"x") is GearmanBytes


# --- payloads: as text --------------------------------------------------------------------------------


def test_a_payload_prints_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    """str, %s, format, f-strings and print show text; repr shows bytes."""
    print(UMLAUT)

    assert capsys.readouterr().out == "héllo\n"
    assert str(UMLAUT) == "héllo"
    assert "%s" % UMLAUT == "héllo"  # noqa: UP031 - the form under test
    assert f"{UMLAUT:>6}" == " héllo"
    assert format(UMLAUT) == "héllo"
    assert repr(HELLO) == "b'Hello World!'"


def test_undecodable_bytes_print_as_escapes() -> None:
    """Text for people never fails and never holds surrogates."""
    assert str(GearmanBytes(b"a\xffb")) == "a\\xffb"


@given(st.binary())
def test_text_used_for_data_turns_back_into_the_same_bytes(raw: bytes) -> None:
    """Adding text loses nothing."""
    text: Any = GearmanBytes(raw) + ""

    assert to_bytes(text) == raw


def test_a_payload_equals_its_text_and_its_bytes() -> None:
    """Comparison, lists, dictionaries and sets find it either way."""
    other = "Hello World!"

    assert operator.eq(other, HELLO)
    assert operator.eq(HELLO, other)
    assert HELLO == b"Hello World!"
    assert not operator.ne(HELLO, other)
    assert HELLO != "something else"
    assert HELLO in [other]
    assert {other: 1}[HELLO] == 1
    assert {b"Hello World!": 1}[HELLO] == 1
    assert UMLAUT == "héllo"
    assert GearmanStr("Hello World!") == HELLO
    assert HELLO != 5
    assert HELLO != "\ud800"


def test_payloads_sort_among_text_and_bytes() -> None:
    """Ordering compares the bytes."""
    assert GearmanBytes(b"a") < "b"
    assert GearmanBytes(b"b") >= "b"
    assert GearmanBytes(b"b") > b"a"
    assert GearmanBytes(b"b") <= "b"
    with pytest.raises(TypeError):
        HELLO < 5  # noqa: B015 - the error is the point


def test_str_only_methods_see_the_text() -> None:
    """What bytes do not have comes from the text; ``encode`` gives a payload."""
    assert GearmanBytes(b"12").isnumeric()  # type: ignore[attr-defined]
    assert GearmanBytes(b"{}!").format("x") == "x!"  # type: ignore[attr-defined]
    assert UMLAUT.encode("latin-1") == b"h\xe9llo"
    assert type(UMLAUT.encode()) is GearmanBytes
    assert BINARY.encode() == BINARY


# --- payloads: reversed -------------------------------------------------------------------------------


def test_reversed_payload_has_a_length_and_gives_characters() -> None:
    """The in-flight worker of the tutorials asks for ``len(reversed(job.data))``."""
    backwards = reversed(HELLO)

    assert len(backwards) == 12
    assert "".join(backwards) == "!dlroW olleH"


def test_reversed_payload_keeps_its_length_while_it_is_read() -> None:
    """Programs ask for the length inside the loop."""
    backwards = reversed(HELLO)

    assert next(backwards) == "!"
    assert len(backwards) == 12
    assert [str(character) for character in backwards][-1] == "H"
    assert next(backwards, None) is None


def test_reversed_payload_turns_into_bytes() -> None:
    """Characters of several bytes stay whole; what is no UTF-8 is reversed byte by byte."""
    assert bytes(reversed(UMLAUT)) == "olléh".encode()
    assert bytes(reversed(BINARY)) == bytes(range(255, -1, -1))
    assert list(reversed(BINARY))[:2] == [255, 254]


# --- payloads: as bytes for everyone else -------------------------------------------------------------


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (lambda: GearmanBytes(b"h\xc3\xa9").decode(), "hé"),
        (lambda: int(GearmanBytes(b"42")), 42),
        (lambda: float(GearmanBytes(b"1.5")), 1.5),
        (lambda: json.loads(GearmanBytes(b'{"a": [1]}')), {"a": [1]}),
        (lambda: struct.unpack(">H", GearmanBytes(b"\x01\x02")), (258,)),
        (lambda: zlib.decompress(GearmanBytes(zlib.compress(b"x" * 100))), b"x" * 100),
        (lambda: hashlib.sha256(HELLO).digest(), hashlib.sha256(b"Hello World!").digest()),
        (lambda: io.BytesIO(HELLO).read(), b"Hello World!"),
        (lambda: b"".join([HELLO, b"x"]), b"Hello World!x"),
        (lambda: bytes(HELLO), b"Hello World!"),
        (lambda: bytes(memoryview(HELLO)), b"Hello World!"),
        (lambda: b"%s" % HELLO, b"Hello World!"),
    ],
)
def test_consumers_of_bytes_take_payloads(use: Callable[[], object], expected: object) -> None:
    """A payload is bytes to everything that reads bytes."""
    assert use() == expected


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickled_payloads_load(protocol: int) -> None:
    """All pickle protocols, also the one that is text."""
    payload = GearmanBytes(pickle.dumps({"a": [1, b"\xff", "é"]}, protocol))

    assert pickle.loads(payload) == {"a": [1, b"\xff", "é"]}


def test_payloads_pickle_and_copy_as_payloads() -> None:
    """They travel to other processes and stay what they are."""
    assert type(pickle.loads(pickle.dumps(BINARY))) is GearmanBytes
    assert copy.deepcopy(BINARY) == BINARY


def test_payloads_go_to_processes_and_databases_as_bytes() -> None:
    """As standard input, and as a BLOB."""
    program = [sys.executable, "-c", "import sys; print(sys.stdin.buffer.read())"]
    done = subprocess.run(program, input=HELLO, capture_output=True, check=True)
    with_database = sqlite3.connect(":memory:")
    [(kind, stored)] = with_database.execute("select typeof(?), ?", (BINARY, BINARY)).fetchall()
    with_database.close()

    assert done.stdout.strip() == b"b'Hello World!'"
    assert (kind, stored) == ("blob", bytes(range(256)))


@pytest.mark.parametrize(
    "use",
    [
        lambda: ", ".join([HELLO]),
        lambda: json.dumps({"a": HELLO}),
        lambda: io.StringIO().write(HELLO),
        lambda: HELLO in "some text",
    ],
)
def test_consumers_of_str_alone_refuse_payloads(use: Callable[[], object]) -> None:
    """The documented limits: TextEncoder is the way out."""
    with pytest.raises(TypeError):
        use()


def test_every_byte_value_stays_what_it_is() -> None:
    """No decoding, no loss, and always bytes."""
    assert isinstance(BINARY, bytes)
    assert bytes(BINARY) == bytes(range(256))
    assert list(BINARY) == list(range(256))
