"""Reverses strings slowly, and sends each character and its progress while it is at it; until Ctrl-C.

Usage: python updates_worker.py [host:port ...]
"""

import sys
import time

import gearman

SECONDS_PER_CHARACTER = 0.05


def reverse_in_flight(worker: gearman.GearmanWorker, job: gearman.GearmanJob) -> object:
    backwards = reversed(job.data)
    total = len(backwards)
    for done, character in enumerate(backwards, start=1):
        worker.send_job_data(job, str(character))
        worker.send_job_status(job, done, total)
        time.sleep(SECONDS_PER_CHARACTER)
    if not total:
        worker.send_job_warning(job, "nothing to reverse")
    # Everything has been sent already.
    return None


def main() -> None:
    worker = gearman.GearmanWorker(sys.argv[1:] or ["localhost:4730"])
    worker.register_task("reverse_in_flight", reverse_in_flight)
    try:
        worker.work()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
