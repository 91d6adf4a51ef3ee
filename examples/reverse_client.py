"""Has a string reversed by a worker (reverse_worker.py) and waits for the result.

Usage: python reverse_client.py [host:port ...]
"""

import sys

import gearman


def report(request: gearman.GearmanJobRequest) -> None:
    if request.complete:
        print(f"Job {request.unique} finished!  Result: {request.state} - {request.result}")
    elif request.timed_out:
        print(f"Job {request.unique} took too long")
    elif request.state == gearman.JOB_UNKNOWN:
        print(f"Job {request.unique}: the server was lost")


def main() -> None:
    client = gearman.GearmanClient(sys.argv[1:] or ["localhost:4730"])
    request = client.submit_job("reverse", "Hello World!", poll_timeout=30)
    report(request)


if __name__ == "__main__":
    main()
