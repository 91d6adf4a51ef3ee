"""Background jobs of all kinds, made at random from a seed, and what is known of each one."""

from __future__ import annotations

import hashlib
import random
import time
from typing import Final

from geartrain.engine.job import HIGH, LOW, NORMAL
from geartrain.protocol import packets
from geartrain.protocol.codec import encode_request

FUNCTIONS: Final = (b"resize", b"mail", b"index")

# What became of a submission. Nobody knows when the connection ended before the answer came.
UNKNOWN: Final = "unknown"
ACKNOWLEDGED: Final = "acknowledged"
REFUSED: Final = "refused"

_BY_PRIORITY: Final = {
    HIGH: packets.SUBMIT_JOB_HIGH_BG,
    NORMAL: packets.SUBMIT_JOB_BG,
    LOW: packets.SUBMIT_JOB_LOW_BG,
}
_MIB: Final = 1024 * 1024
# How much data jobs have, and how often; around the sizes at which stores and sockets change their ways.
_SIZES: Final = (
    (60, (0, 200)),
    (10, (0, 0)),
    (25, (200, 5000)),
    (4, (60_000, 70_000)),
    (1, (200_000, _MIB)),
)
# One of so many jobs is of that kind.
_SHARED_UNIQUE_EVERY: Final = 20
_REDUCE_EVERY: Final = 12
_LATER_EVERY: Final = 40

# What says whether two jobs are the same: function, unique, reducer, and a digest of the data.
Contents = tuple[bytes, bytes, bytes, bytes]


class Submission:
    """One submission: what was asked for, when, and what the answer was."""

    __slots__ = (
        "answered_at",
        "contents",
        "handle",
        "life",
        "may_coalesce",
        "number",
        "outcome",
        "priority",
        "reason",
        "run_at",
        "sent_at",
        "size",
    )

    def __init__(self, number: int, contents: Contents, size: int, priority: int, run_at: int) -> None:
        self.number = number
        self.contents = contents
        self.size = size
        self.priority = priority
        self.run_at = run_at
        # Whether another submission may be answered with the handle of the same job.
        self.may_coalesce = False
        self.outcome = UNKNOWN
        self.handle = b""
        # Why it was refused.
        self.reason = ""
        # By the monotonic clock, and in which life of the server.
        self.sent_at = 0.0
        self.answered_at = 0.0
        self.life = 0

    @property
    def is_unmistakable(self) -> bool:
        """Whether a job with these contents can only be of this submission."""
        if self.outcome == ACKNOWLEDGED and not self.may_coalesce:
            # By its handle.
            return True
        has_own_unique = bool(self.contents[1]) and not self.may_coalesce
        return has_own_unique or self.size > len(str(self.number))

    def __repr__(self) -> str:
        function, unique, reducer, _ = self.contents
        return (
            f"<Submission {self.number} {function!r} unique={unique!r} reducer={reducer!r} size={self.size}"
            f" priority={self.priority} run_at={self.run_at} life={self.life} sent_at={self.sent_at:.6f}"
            f" {self.outcome} {self.reason} {self.handle!r} answered_at={self.answered_at:.6f}>"
        )


def digest(data: bytes) -> bytes:
    """Stands for the data of a job, which may be long."""
    return data if len(data) <= 16 else hashlib.blake2b(data, digest_size=16).digest()


class Maker:
    """Makes submissions, each with the packet that asks for it."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._block = rng.randbytes(_MIB)
        self._number = 0
        self._weights = [weight for weight, _ in _SIZES]

    def make(self) -> tuple[Submission, bytes]:
        rng = self._rng
        self._number += 1
        function = rng.choice(FUNCTIONS)
        data = self._data(self._number)
        unique, may_coalesce = self._unique(self._number)
        reducer = b""
        priority = rng.choice((HIGH, NORMAL, NORMAL, LOW))
        run_at = 0
        if rng.randrange(_REDUCE_EVERY) == 0:
            priority = NORMAL
            reducer = b"sum"
            packet = encode_request(
                packets.SUBMIT_REDUCE_JOB_BACKGROUND, function, unique, reducer, b"", data
            )
        elif rng.randrange(_LATER_EVERY) == 0:
            priority = NORMAL
            run_at = int(time.time()) + 1
            packet = encode_request(packets.SUBMIT_JOB_EPOCH, function, unique, b"%d" % run_at, data)
        else:
            packet = encode_request(_BY_PRIORITY[priority], function, unique, data)
        contents = (function, unique, reducer, digest(data))
        submission = Submission(self._number, contents, len(data), priority, run_at)
        submission.may_coalesce = may_coalesce
        return submission, packet

    def _data(self, number: int) -> bytes:
        ((low, high),) = self._rng.choices([sizes for _, sizes in _SIZES], self._weights)
        size = self._rng.randint(low, high)
        return (b"%d " % number + self._block)[:size]

    def _unique(self, number: int) -> tuple[bytes, bool]:
        """A unique key, and whether other jobs may have it too."""
        if self._rng.randrange(_SHARED_UNIQUE_EVERY) == 0:
            return b"shared %d" % self._rng.randrange(50), True
        return b"" if self._rng.random() < 0.4 else b"job %d" % number, False
