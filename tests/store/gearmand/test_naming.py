"""Function and unique in a key of Redis."""

from __future__ import annotations

import pytest

from geartrain.store.gearmand.naming import FIRST, LAST, Naming

_UUID = b"0f6a1c3e-9a7b-4c2d-8e5f-0123456789ab"


@pytest.mark.parametrize(
    ("name", "function", "unique"),
    [
        (b"f-u1", b"f", b"u1"),
        (b"f-", b"f", b""),
        (b"f--", b"f", b"-"),
        (b"my-func-", b"my-func", b""),
        (b"my-func--", b"my-func", b"-"),
        (b"my-func-" + _UUID, b"my-func", _UUID),
        (b"f-" + _UUID.upper(), b"f", _UUID.upper()),
        (b"f-\n\xff", b"f", b"\n\xff"),
        (b"f", b"f", b""),
    ],
)
def test_what_is_clear_needs_no_help(name: bytes, function: bytes, unique: bytes) -> None:
    """One hyphen, a unique that was not given, and the UUID that libgearman makes of one."""
    assert Naming().split(name) == (function, unique)


@pytest.mark.parametrize("name", [b"my-func-u1", b"f-order-7", b"-a-b"])
def test_what_could_mean_this_or_that_is_not_guessed(name: bytes) -> None:
    """A job of a function that nobody knows would never run."""
    assert Naming().split(name) is None


def test_a_function_that_is_named_counts_first() -> None:
    """The longest, if several do."""
    naming = Naming([b"my", b"my-func"])

    assert naming.split(b"my-func-l-o-w") == (b"my-func", b"l-o-w")
    assert naming.split(b"my-f-u") == (b"my", b"f-u")
    assert naming.split(b"my-func-") == (b"my-func", b"")
    assert naming.split(b"other-a-b") is None


def test_the_user_may_choose_a_hyphen() -> None:
    """For what is not clear; the first one is what the C server takes."""
    assert Naming(hyphen=FIRST).split(b"my-func-u1") == (b"my", b"func-u1")
    assert Naming(hyphen=LAST).split(b"my-func-u1") == (b"my-func", b"u1")
    assert Naming(hyphen=FIRST).split(b"my-func-") == (b"my-func", b"")
