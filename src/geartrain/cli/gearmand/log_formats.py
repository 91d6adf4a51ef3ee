"""Lines of the log as structlog draws them: in colours and columns for people, as JSON for programs."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import JSONRenderer, format_exc_info
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, WrappedLogger

from geartrain.protocol.packets import SHOWN_BYTES


def console_formatter(*, colors: bool) -> logging.Formatter:
    """Time, level, event and fields in columns; coloured on a terminal."""
    styles = ConsoleRenderer.get_default_level_styles(colors)
    # Levels that only the C server has.
    styles |= {"notice": styles["info"], "alert": styles["critical"], "fatal": styles["critical"]}
    renderer = ConsoleRenderer(
        colors=colors,
        level_styles=styles,
        sort_keys=False,
        # In quotes, so that nothing in a field can pass for a line of its own.
        repr_native_str=True,
        exception_formatter=plain_traceback,
    )
    return ProcessorFormatter(processors=[_console_line, renderer])


def json_formatter() -> logging.Formatter:
    """One JSON object on each line: timestamp (UTC), level, event, and the fields of the event."""
    return ProcessorFormatter(processors=[_json_line, format_exc_info, JSONRenderer()])


def _console_line(_logger: WrappedLogger, _name: str, line: EventDict) -> EventDict:
    time = datetime.fromtimestamp(line["_record"].created).astimezone()
    return _line(line, time.strftime("%Y-%m-%d %H:%M:%S"))


def _json_line(_logger: WrappedLogger, _name: str, line: EventDict) -> EventDict:
    time = datetime.fromtimestamp(line["_record"].created, UTC)
    return _line(line, time.isoformat(timespec="microseconds"))


def _line(line: EventDict, timestamp: str) -> EventDict:
    """What structlog made of a record, with the event and the fields that the record brings along."""
    record = line["_record"]
    result: EventDict = {
        "timestamp": timestamp,
        "level": record.levelname.lower(),
        # Libraries log a text only.
        "event": getattr(record, "event", line["event"]),
    }
    for name, value in getattr(record, "fields", {}).items():
        result[name] = _readable(value)
    if "exc_info" in line:
        result["exc_info"] = line["exc_info"]
    return result


def _readable(value: object) -> object:
    """Bytes as text, and only the start of them: a line never holds a whole payload."""
    if isinstance(value, str):
        # The name of a file may have parts that no encoding of text has; they would not be JSON either.
        return value.encode("utf-8", "backslashreplace").decode()
    if not isinstance(value, bytes):
        return value
    text = value[:SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return text if len(value) <= SHOWN_BYTES else f"{text}… ({len(value)} bytes)"
