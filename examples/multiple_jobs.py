"""Submits several jobs at once (for reverse_worker.py), does something else, and collects the results.

Usage: python multiple_jobs.py [host:port ...]
"""

import sys

import gearman


def main() -> None:
    client = gearman.GearmanClient(sys.argv[1:] or ["localhost:4730"])
    words = ["one", "two", "three"]
    jobs = [{"task": "reverse", "data": word} for word in words]

    submitted = client.submit_multiple_jobs(jobs, background=False, wait_until_complete=False)
    print(f"Submitted {len(submitted)} jobs")

    # Here the program may do something else. The jobs run meanwhile.
    finished = client.wait_until_jobs_completed(submitted, poll_timeout=30)
    for word, request in zip(words, finished, strict=True):
        print(f"{word}: {request.state} - {request.result}")


if __name__ == "__main__":
    main()
