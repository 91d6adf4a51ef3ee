"""The hash of libgearman."""

from __future__ import annotations

import pytest

from geartrain.cli.gearman.murmur import murmur3, unique_of
from tests.cli.gearman.gearman_tool import gearman, of_debian
from tests.interop.servers import JobServer

# Seen with the C tool.
UNIQUES = {
    b"": b"0",
    b"a": b"2289228744",
    b"ab": b"2181799184",
    b"abc": b"634628250",
    b"abcd": b"180520834",
    b"abcde": b"1054115107",
    b"\xff\xfe\x80": b"211629650",
    b"The quick brown fox jumps over the lazy dog": b"2603515018",
}


@pytest.mark.parametrize("data", UNIQUES)
def test_the_unique_of_data_is_that_of_libgearman(data: bytes) -> None:
    """Whole words of four bytes, and every number of bytes behind them."""
    assert unique_of(data) == UNIQUES[data]


@pytest.mark.parametrize(
    ("data", "seed", "expected"),
    [(b"", 0, 0), (b"", 1, 0x514E28B7), (b"test", 0, 0xBA6BD213), (b"Hello, world!", 0x9747B28C, 0x24884CBA)],
)
def test_the_hash_is_murmur3(data: bytes, seed: int, expected: int) -> None:
    """Published examples of the function."""
    assert murmur3(data, seed) == expected


def test_both_tools_coalesce_the_same_data(c_server: JobServer) -> None:
    """A job that the C tool has submitted with # is found by ours."""
    data = bytes(range(256)) * 3 + b"x"
    theirs = gearman(c_server, "-b", "-v", "-f", "f", "-u", "#", stdin=data, tool=of_debian())
    ours = gearman(c_server, "-b", "-v", "-f", "f", "-u", "#", stdin=data)

    assert theirs.stdout == ours.stdout != b""
