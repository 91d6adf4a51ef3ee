"""What ``gearmand --check-args`` looks at: everything that could keep the server from starting."""

from __future__ import annotations

import os
import resource

from geartrain.cli.logs import TO_NOWHERE, TO_STDERR
from geartrain.cli.privileges import Account
from geartrain.cli.process import ProcessOptions
from geartrain.errors import ConfigError
from geartrain.server import ServerConfig
from geartrain.server.acl import AccessList
from geartrain.server.binding import bind_all
from geartrain.server.tls import tls_context


def check(config: ServerConfig, options: ProcessOptions) -> None:
    """Reads the files of the config, and binds its addresses for a moment; the values are checked already.

    Raises the error that a start would raise, and ConfigError for a log file that a start would do without.
    """
    if config.uses_tls():
        tls_context(config)
    if config.acl:
        AccessList.load(config.acl)
    if options.user:
        Account(options.user)
    _check_descriptors(options.file_descriptors)
    if options.log_file not in (TO_STDERR, TO_NOWHERE):
        _check_writable("log_file", options.log_file)
    if options.pid_file is not None:
        _check_writable("pid_file", options.pid_file)
    for listener in bind_all(config.listen_addresses(), config.backlog, skip_missing=not config.listen):
        listener.close()


def _check_descriptors(wanted: int | None) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if wanted is not None and hard != resource.RLIM_INFINITY and wanted > hard and os.geteuid() != 0:
        raise ConfigError("file_descriptors", wanted, f"at most {hard}")


def _check_writable(key: str, path: str) -> None:
    """Whether the file can be written, without making it."""
    is_file = os.path.exists(path)
    target = path if is_file else os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path) or not os.access(target, os.W_OK if is_file else os.W_OK | os.X_OK):
        raise ConfigError(key, path, "a file that can be written")
