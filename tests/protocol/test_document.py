"""docs/protocol.md says what the table of packets says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from geartrain.engine import clients, core, gates, guard, workers
from geartrain.protocol import admin, codec
from geartrain.protocol.packets import BOTH, PACKETS, REQUEST, RESPONSE, PacketSpec

DOCUMENT = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
DIRECTIONS = {"to": REQUEST, "from": RESPONSE, "both": BOTH}


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its own heading."""
    section = DOCUMENT.partition(f"\n{heading}\n")[2]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table is not None
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()[2:]]


def test_the_document_lists_every_packet_in_order() -> None:
    """Each number once, and nothing else."""
    assert [int(row[0]) for row in rows("## Packets")] == [spec.number for spec in PACKETS]


@pytest.mark.parametrize("spec", PACKETS, ids=lambda spec: spec.name)
def test_the_document_describes_each_packet_as_it_is(spec: PacketSpec) -> None:
    """Name, direction, arguments in their order, and which of them may be left out."""
    _, name, direction, arguments = rows("## Packets")[spec.number - 1]

    assert name == spec.name
    assert DIRECTIONS[direction] == spec.direction
    assert tuple(re.findall(r"`(\w+)`", arguments)) == spec.argument_names
    optional = [spec.argument_names[spec.optional_argument]] if spec.optional_argument >= 0 else []
    assert re.findall(r"\[`(\w+)`\]", arguments) == optional


@pytest.mark.parametrize("spec", PACKETS, ids=lambda spec: spec.name)
def test_the_document_says_what_each_packet_does(spec: PacketSpec) -> None:
    """Every name is explained somewhere behind the table."""
    explained = DOCUMENT.partition("## What the packets do")[2]

    assert re.search(rf"\b{spec.name}\b", explained)


def test_the_document_lists_every_error_code() -> None:
    """Those of the codec and those of the engine."""
    codes = {
        *(codec.INVALID_MAGIC, codec.INVALID_COMMAND, codec.INVALID_ARGUMENTS),
        *(codec.ARGUMENT_TOO_LARGE, codec.PACKET_TOO_LARGE, codec.LINE_TOO_LONG),
        *(gates.QUEUE_ERROR, guard.NOT_ALLOWED, workers.JOB_NOT_FOUND, core.UNKNOWN_OPTION),
    }

    assert {row[0].strip("`") for row in rows("## Errors")} == codes


def test_the_document_lists_every_list_command() -> None:
    """Their answers are described as lists, all others as lines."""
    lists = [row[0] for row in rows("## Text commands") if row[1].startswith("list")]

    assert {cell.split("`")[1].encode() for cell in lists} == admin.LIST_COMMANDS


@pytest.mark.parametrize(
    "columns",
    [admin.FUNCTION_COLUMNS, admin.JOB_COLUMNS, admin.WORKER_COLUMNS, admin.QUEUE_COLUMNS],
    ids=["functions", "jobs", "workers", "queue"],
)
def test_the_document_explains_every_column_of_a_table(columns: tuple[bytes, ...]) -> None:
    """In the order of the columns; the first one tells which table it is."""
    tables = re.findall(r"(?:^\|.*\n)+", DOCUMENT.partition("### Tables")[2], re.MULTILINE)
    named = [re.findall(r"^\| ((?:`\w+` )+)\|", table, re.MULTILINE) for table in tables]

    assert columns in [tuple(re.findall(rb"\w+", " ".join(cells).encode())) for cells in named]


@pytest.mark.parametrize(
    "number",
    [codec.MAX_NAME_BYTES, codec.MAX_LINE_BYTES, clients.MAX_UNIQUE_BYTES, core.MAX_CLIENT_ID_BYTES],
)
def test_the_document_names_the_limits(number: int) -> None:
    """In bytes."""
    assert any(f"{number} bytes" in row[1] for row in rows("## Limits"))


def test_the_document_names_the_default_packet_limit() -> None:
    """In MiB."""
    assert f"{codec.DEFAULT_MAX_PACKET_BYTES // 2**20} MiB" in rows("## Limits")[0][1]
