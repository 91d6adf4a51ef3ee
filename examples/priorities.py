"""Leaves jobs of all priorities behind (for reverse_worker.py), and does not wait for them to run.

Start it before the worker, and the worker will take the job of high priority first.

Usage: python priorities.py [host:port ...]
"""

import sys

import gearman


def main() -> None:
    client = gearman.GearmanClient(sys.argv[1:] or ["localhost:4730"])
    for name, priority in (
        ("low", gearman.PRIORITY_LOW),
        ("normal", gearman.PRIORITY_NONE),
        ("high", gearman.PRIORITY_HIGH),
    ):
        request = client.submit_job("reverse", f"{name} priority", priority=priority, background=True)
        # A background job is complete, for its client, as soon as the server has accepted it.
        print(f"{name}: {request.state} as {request.handle}")


if __name__ == "__main__":
    main()
