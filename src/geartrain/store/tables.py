"""The tables of a queue in an SQL database, the same in all of them."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

# Raised with every change of the tables below; ``migrations`` leads from each version to the next.
SCHEMA_VERSION: Final = 1

_MAX_NAME_BYTES: Final = 8192
_MAX_DATA_BYTES: Final = 2**32 - 1

metadata = sa.MetaData()

# One row for each fact about the queue: "schema" is the version, "owner" the server that holds it.
facts = sa.Table(
    "geartrain_facts",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.String(255), nullable=False),
)

# Names are kept once: they may be long, and there are few of them. The only writer is the owner of the queue,
# so nothing has to keep them apart.
functions = sa.Table(
    "geartrain_functions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.LargeBinary(_MAX_NAME_BYTES), nullable=False),
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
    sa.Column("data", sa.LargeBinary(_MAX_DATA_BYTES), nullable=False),
    # Queues are read in order, a function and a priority at a time.
    sa.Index("geartrain_jobs_queue", "function_id", "priority", "sequence"),
    mysql_engine="InnoDB",
)
