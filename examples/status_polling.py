"""Submits a background job (for updates_worker.py) and asks how far it is until it is done.

Usage: python status_polling.py [host:port ...]
"""

import sys
import time

import gearman


def main() -> None:
    client = gearman.GearmanClient(sys.argv[1:] or ["localhost:4730"])
    request = client.submit_job("reverse_in_flight", "Hello World!", background=True)
    seen = None
    while True:
        status = client.get_job_status(request, poll_timeout=10).status
        if not status["known"]:
            break
        state = "running" if status["running"] else "waiting"
        if status["denominator"]:
            state += f", {status['numerator']} of {status['denominator']}"
        if state != seen:
            print(state, flush=True)
        seen = state
        time.sleep(0.02)
    # The server knows nothing of a job that has ended, however it ended.
    print("done")


if __name__ == "__main__":
    main()
