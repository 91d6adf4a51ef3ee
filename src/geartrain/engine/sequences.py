"""Which sequence belongs to which key, for millions of keys in little memory.

A hash table in two arrays of numbers: 40 bytes for a key or so, where a dict takes more than a hundred. It is
cut into shards, so that growing never takes long at once.
"""

from __future__ import annotations

from array import array
from typing import Final

_SHARDS: Final = 1024
_SHARD_BITS: Final = 10
_FIRST_SLOTS: Final = 8
_KEY_MASK: Final = 2**64 - 1

# In place of a sequence: a slot that was never used, and one that is free again.
_EMPTY: Final = 0
_FREED: Final = 2**64 - 1


class _Shard:
    """One table; at most two thirds of its slots are used, so that a search ends soon."""

    __slots__ = ("keys", "sequences", "used")

    def __init__(self, slots: int) -> None:
        self.keys = array("Q", bytes(8 * slots))
        self.sequences = array("Q", bytes(8 * slots))
        self.used = 0


class SequenceIndex:
    """Sequences, numbers from 1 to 2**64 - 2, by key, any number; a key is taken modulo 2**64."""

    __slots__ = ("_length", "_shards")

    def __init__(self) -> None:
        self._shards = [_Shard(_FIRST_SLOTS) for _ in range(_SHARDS)]
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def get(self, key: int) -> int:
        """The sequence of the key; 0 when it has none."""
        key &= _KEY_MASK
        shard = self._shards[key % _SHARDS]
        slot = _find(shard, key)
        return 0 if slot < 0 else shard.sequences[slot]

    def add(self, key: int, sequence: int) -> None:
        """Gives a key its sequence, in place of the one it may have had."""
        key &= _KEY_MASK
        shard = self._shards[key % _SHARDS]
        slot = _find(shard, key)
        if slot >= 0:
            shard.sequences[slot] = sequence
            return
        if (shard.used + 1) * 3 > len(shard.keys) * 2:
            shard = self._shards[key % _SHARDS] = _rebuilt(shard)
        _insert(shard, key, sequence)
        self._length += 1

    def discard(self, key: int, sequence: int) -> None:
        """Takes the key out, if it has this sequence."""
        key &= _KEY_MASK
        shard = self._shards[key % _SHARDS]
        slot = _find(shard, key)
        if slot >= 0 and shard.sequences[slot] == sequence:
            shard.sequences[slot] = _FREED
            self._length -= 1


def _find(shard: _Shard, key: int) -> int:
    """The slot of the key; -1 when it is not there."""
    mask = len(shard.keys) - 1
    slot = (key >> _SHARD_BITS) & mask
    while shard.sequences[slot] != _EMPTY:
        if shard.keys[slot] == key and shard.sequences[slot] != _FREED:
            return slot
        slot = (slot + 1) & mask
    return -1


def _insert(shard: _Shard, key: int, sequence: int) -> None:
    """Puts a key that is not there into the first slot that was never used."""
    mask = len(shard.keys) - 1
    slot = (key >> _SHARD_BITS) & mask
    while shard.sequences[slot] != _EMPTY:
        slot = (slot + 1) & mask
    shard.keys[slot] = key
    shard.sequences[slot] = sequence
    shard.used += 1


def _rebuilt(shard: _Shard) -> _Shard:
    """The same keys, without freed slots, in a table that is half full at most."""
    living = [index for index, sequence in enumerate(shard.sequences) if sequence not in (_EMPTY, _FREED)]
    slots = _FIRST_SLOTS
    while slots < 2 * (len(living) + 1):
        slots *= 2
    rebuilt = _Shard(slots)
    for index in living:
        _insert(rebuilt, shard.keys[index], shard.sequences[index])
    return rebuilt
