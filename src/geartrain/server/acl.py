"""The file with the access rules of a server: who may submit to and work on what, and use which commands.

The file is TOML, a list of ``[[rule]]`` tables. A connection may do what any rule that fits it allows, and
nothing else. docs/access.md describes it.
"""

from __future__ import annotations

import re
import reprlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Final, Self

from geartrain.engine.access import Access, compile_patterns
from geartrain.engine.admin import COMMANDS
from geartrain.errors import AclError
from geartrain.server.subject import Subject

_RULE: Final = "rule"
_KEYS: Final = ("subject", "listener", "submit", "work", "admin")
_COMMANDS: Final = tuple(command.decode() for command in COMMANDS)
# So many different connections are remembered; short-lived certificates may have a name of their own each.
_MAX_REMEMBERED: Final = 10_000
# What a subject has a backslash before.
_ESCAPED: Final = re.compile(r"\\([^0-9A-Fa-f])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Whom a rule fits, and what it allows; None fits everybody."""

    subject: str | None = None
    listener: str | None = None
    submit: tuple[str, ...] = ()
    work: tuple[str, ...] = ()
    admin: tuple[str, ...] = ()

    def fits(self, subject: Subject | None, listener: str) -> bool:
        """Whether the rule is for connections of that subject to that listener."""
        if self.listener is not None and not _fits(self.listener, listener):
            return False
        return self.subject is None or (subject is not None and _fits_subject(self.subject, subject))


class AccessList:
    """The rules of one file."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        # By who connects and where, so that not every connection has all rules looked through, least of all
        # those that are there when new rules come.
        self._by_connection: dict[tuple[Subject | None, str], Access] = {}
        # By the rules that fit, because few kinds of them do.
        self._by_rules: dict[tuple[Rule, ...], Access] = {}

    @classmethod
    def load(cls, path: str) -> Self:
        """Reads the rules from a file. Raises AclError, which says what is wrong and where."""
        try:
            with open(path, "rb") as file:
                document = tomllib.load(file)
        except OSError as error:
            raise AclError(path, error.strerror or str(error)) from None
        except (ValueError, RecursionError) as error:
            raise AclError(path, f"it is not TOML: {error}") from None
        return cls(_read_rules(_Table(path, 0, document)))

    def access_for(self, subject: Subject | None, listener: str) -> Access:
        """What a connection may do: ``subject`` is None without a verified certificate.

        ``listener`` is the address that it came in at, as the server prints it.
        """
        access = self._by_connection.get((subject, listener))
        if access is None:
            if len(self._by_connection) >= _MAX_REMEMBERED:
                self._by_connection.clear()
            access = self._by_connection[subject, listener] = self._find_access(subject, listener)
        return access

    def _find_access(self, subject: Subject | None, listener: str) -> Access:
        fitting = tuple(rule for rule in self.rules if rule.fits(subject, listener))
        access = self._by_rules.get(fitting)
        if access is None:
            access = self._by_rules[fitting] = _allow_all_of(fitting)
        return access


def _allow_all_of(rules: Sequence[Rule]) -> Access:
    return Access(
        [pattern.encode() for rule in rules for pattern in rule.submit],
        [pattern.encode() for rule in rules for pattern in rule.work],
        [pattern.encode() for rule in rules for pattern in rule.admin],
    )


def _fits(pattern: str, text: str) -> bool:
    # The path of a Unix socket may be no text.
    return _compile(pattern).fullmatch(text.encode(errors="surrogateescape")) is not None


@cache
def _compile(pattern: str) -> re.Pattern[bytes]:
    return compile_patterns([pattern.encode()])


def _fits_subject(pattern: str, subject: Subject) -> bool:
    if "=" not in pattern:
        return _fits(pattern, subject.common_name)
    return _fits(_hide_escaped(pattern), _hide_escaped(subject.name))


def _hide_escaped(name: str) -> str:
    """The name with what is escaped as numbers.

    So that a comma in a pattern never fits one inside a value: ``*,O=Example`` is not ``CN=x\\,O=Example``.
    """
    return _ESCAPED.sub(lambda match: f"\\{ord(match[1]):02X}", name)


class _Table:
    """A table of a file, whose keys are checked as they are read. ``number`` is that of the rule."""

    def __init__(self, path: str, number: int, values: Mapping[str, object]) -> None:
        self._path = path
        self._number = number
        self._values = values

    def check_keys(self, known: Sequence[str]) -> None:
        for key in self._values:
            if key not in known:
                raise self._error(f"unknown key {key!r}; {_suggest(key, known)}")

    def tables(self, key: str) -> list[_Table]:
        values = self._values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            raise self._unusable(key, values, f"tables, each headed [[{key}]]")
        return [_Table(self._path, number, value) for number, value in enumerate(values, 1)]

    def pattern(self, key: str) -> str | None:
        value = self._values.get(key)
        if value is not None and (not isinstance(value, str) or not value):
            raise self._unusable(key, value, "a pattern in quotes")
        return value

    def patterns(self, key: str) -> tuple[str, ...]:
        values = self._values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise self._unusable(key, values, 'a list of patterns, such as ["report_*"]')
        return tuple(values)

    def commands(self, key: str) -> tuple[str, ...]:
        """Patterns of commands; one that fits none is a mistake."""
        patterns = self.patterns(key)
        for pattern in patterns:
            if not any(_fits(pattern, command) for command in _COMMANDS):
                raise self._unusable(key, pattern, f"admin commands; {_suggest(pattern, _COMMANDS)}")
        return patterns

    def _unusable(self, key: str, value: object, expected: str) -> AclError:
        return self._error(f"{key}: {reprlib.repr(value)} is not usable; expected {expected}")

    def _error(self, reason: str) -> AclError:
        return AclError(self._path, reason, rule=self._number)


def _read_rules(document: _Table) -> list[Rule]:
    document.check_keys((_RULE,))
    return [_read_rule(table) for table in document.tables(_RULE)]


def _read_rule(table: _Table) -> Rule:
    table.check_keys(_KEYS)
    return Rule(
        subject=table.pattern("subject"),
        listener=table.pattern("listener"),
        submit=table.patterns("submit"),
        work=table.patterns("work"),
        admin=table.commands("admin"),
    )


def _suggest(word: str, known: Sequence[str]) -> str:
    nearest = get_close_matches(word.lower(), known, 1)
    return f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(known)}"
