"""The command ``gearmand``: the job server as a program."""
