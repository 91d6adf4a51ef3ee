"""Completion in bash, for words with colons in them: addresses and handles of jobs."""

from __future__ import annotations

import os
from typing import Final

from click import shell_completion

# Bash takes words apart at colons and equals signs, so the line itself is handed over. What it puts in place
# is the last of its own words: of what it offers, the part up to the last colon stands there already.
_SOURCE: Final = """\
%(complete_func)s() {
    local line="${COMP_LINE:0:COMP_POINT}" type value
    local word="${line##*[[:blank:]]}"
    local before="${word%%"${word##*:}"}"
    COMPREPLY=()
    while IFS=, read -r type value; do
        if [[ $type == plain ]]; then
            COMPREPLY+=("${value#"$before"}")
        elif [[ $type == file || $type == dir ]]; then
            compopt -o default
        fi
    done < <(env COMP_LINE="$line" %(complete_var)s=bash_complete "$1" 2>/dev/null)
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class BashComplete(shell_completion.BashComplete):
    """Asks with the line up to the cursor."""

    source_template = _SOURCE

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the last one, without the program, and the last one, which may be empty."""
        line = os.environ["COMP_LINE"]
        words = shell_completion.split_arg_string(line)[1:]
        incomplete = words.pop() if words and not line[-1].isspace() else ""
        return words, incomplete
