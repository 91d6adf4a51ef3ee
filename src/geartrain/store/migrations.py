"""How the tables of an older version become those of this one.

``STEPS[0]`` leads from schema 1 to schema 2, and so on. A step changes tables and rows on a connection to any
of the databases, and is committed together with the new number of the schema. MariaDB and MySQL commit each
change of a table by itself, though: a step that was interrupted there is run again from its beginning, so it
must look what is done already, and must not drop anything before its successor is complete.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import sqlalchemy as sa

Step = Callable[[sa.Connection], None]

STEPS: Final[tuple[Step, ...]] = ()
