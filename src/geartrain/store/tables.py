"""The tables of a queue in an SQL database, the same in all of them."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

# Raised with every change of the tables below; ``migrations`` leads from each version to the next.
SCHEMA_VERSION: Final = 1

# Data of a job up to this size is in its row, so that many rows at once fit into memory; all of it is in
# pieces beside if there is more. No piece is bigger than what every database takes in one statement: MariaDB
# and MySQL limit that to 16 MiB or less, and data takes twice its size there.
INLINE_BYTES: Final = 64 * 1024
PIECE_BYTES: Final = 256 * 1024

_MAX_NAME_BYTES: Final = 8192
_MAX_PIECE_BYTES: Final = 2**24 - 1

metadata = sa.MetaData()

# One row for each fact about the queue: "schema" is the version, "owner" the server that holds it.
facts = sa.Table(
    "geartrain_facts",
    metadata,
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("value", sa.String(255), nullable=False),
    mysql_engine="InnoDB",
)

# Names are kept once: they may be long, and there are few of them. The only writer is the owner of the queue,
# so nothing has to keep them apart.
functions = sa.Table(
    "geartrain_functions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.LargeBinary(_MAX_NAME_BYTES), nullable=False),
    mysql_engine="InnoDB",
)

jobs = sa.Table(
    "geartrain_jobs",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("function_id", sa.Integer, nullable=False),
    sa.Column("priority", sa.SmallInteger, nullable=False),
    sa.Column("handle", sa.LargeBinary(64), nullable=False),
    sa.Column("unique_key", sa.LargeBinary(64), nullable=False),
    sa.Column("run_at", sa.Double, nullable=False),
    sa.Column("reducer", sa.LargeBinary(_MAX_NAME_BYTES), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("submitted_at", sa.Double, nullable=False),
    # How much data the job has, and the data, if it is not in pieces.
    sa.Column("data_bytes", sa.BigInteger, nullable=False),
    sa.Column("data", sa.LargeBinary(_MAX_PIECE_BYTES), nullable=False),
    # Queues are read in order, a function and a priority at a time.
    sa.Index("geartrain_jobs_queue", "function_id", "priority", "sequence"),
    mysql_engine="InnoDB",
)

# The data of jobs that have much of it, to be put together in the order of the numbers.
pieces = sa.Table(
    "geartrain_pieces",
    metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("data", sa.LargeBinary(_MAX_PIECE_BYTES), nullable=False),
    mysql_engine="InnoDB",
)
