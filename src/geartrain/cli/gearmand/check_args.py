"""What ``gearmand --check-args`` looks at: everything that could keep the server from starting."""

from __future__ import annotations

import os

from geartrain.cli.gearmand.descriptors import check_descriptor_limit
from geartrain.cli.gearmand.logs import TO_NOWHERE, TO_STDERR
from geartrain.cli.gearmand.privileges import Account
from geartrain.cli.gearmand.process import ProcessOptions
from geartrain.cli.pid_file import PidFile
from geartrain.errors import ConfigError
from geartrain.server import ServerConfig
from geartrain.server.acl import AccessList
from geartrain.server.binding import bind_all
from geartrain.server.server import check_queue
from geartrain.server.tls import tls_context


def check(config: ServerConfig, options: ProcessOptions) -> None:
    """Reads the files of the config, and takes its addresses and its pid file for a moment.

    The values are checked already.

    Raises the error that a start would raise, and ConfigError for a log file that a start would do without.
    """
    if config.uses_tls():
        tls_context(config)
    if config.acl:
        AccessList.load(config.acl)
    if options.user:
        Account(options.user)
    check_descriptor_limit(options.file_descriptors)
    if options.log_file not in (TO_STDERR, TO_NOWHERE):
        _check_log_file(options.log_file)
    if options.pid_file is not None:
        PidFile(options.pid_file).remove()
    check_queue(config)
    for listener in bind_all(config.listen_addresses(), config.backlog, skip_missing=not config.listen):
        listener.close()


def _check_log_file(path: str) -> None:
    """Whether the file can be written, without making it."""
    target = os.path.abspath(path)
    is_there = os.path.exists(target)
    place = target if is_there else os.path.dirname(target)
    if os.path.isdir(target) or not os.access(place, os.W_OK if is_there else os.W_OK | os.X_OK):
        raise ConfigError("log_file", path, "a file that can be written")
