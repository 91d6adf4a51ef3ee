"""The hash that libgearman makes uniques of: MurmurHash3, 32 bits, with a seed that depends on the length."""

from __future__ import annotations

from typing import Final

_WORD: Final = 0xFFFFFFFF
_SEED: Final = 0xDEADBEEF


def unique_of(data: bytes) -> bytes:
    """The unique that clients of libgearman send for ``#``: the hash as decimal text."""
    return b"%d" % murmur3(data, _SEED * len(data))


def murmur3(data: bytes, seed: int) -> int:
    """MurmurHash3_x86_32 by Austin Appleby, who placed it in the public domain."""
    state = seed & _WORD
    whole = len(data) & ~3
    for start in range(0, whole, 4):
        state ^= _scramble(int.from_bytes(data[start : start + 4], "little"))
        state = (_rotate(state, 13) * 5 + 0xE6546B64) & _WORD
    state ^= _scramble(int.from_bytes(data[whole:], "little"))
    return _avalanche(state ^ (len(data) & _WORD))


def _scramble(block: int) -> int:
    return _rotate(block * 0xCC9E2D51 & _WORD, 15) * 0x1B873593 & _WORD


def _avalanche(state: int) -> int:
    """Lets each bit of the state change about half of the others."""
    state = (state ^ state >> 16) * 0x85EBCA6B & _WORD
    state = (state ^ state >> 13) * 0xC2B2AE35 & _WORD
    return state ^ state >> 16


def _rotate(word: int, bits: int) -> int:
    return (word << bits | word >> 32 - bits) & _WORD
