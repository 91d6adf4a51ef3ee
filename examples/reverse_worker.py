"""Reverses strings for others, until Ctrl-C.

Usage: python reverse_worker.py [host:port ...]
"""

import sys

import gearman


def reverse(worker: gearman.GearmanWorker, job: gearman.GearmanJob) -> object:
    """Runs once for each job; what it returns is the result."""
    print("Reversing string: " + job.data, flush=True)
    return job.data[::-1]


def main() -> None:
    worker = gearman.GearmanWorker(sys.argv[1:] or ["localhost:4730"])
    # A label for the administrator; it may be left out.
    worker.set_client_id("example worker")
    worker.register_task("reverse", reverse)
    try:
        worker.work()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
