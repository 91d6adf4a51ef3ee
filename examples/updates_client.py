"""Collects what a worker (updates_worker.py) sends while a job runs.

Usage: python updates_client.py [host:port ...]
"""

import sys

import gearman


def main() -> None:
    client = gearman.GearmanClient(sys.argv[1:] or ["localhost:4730"])
    request = client.submit_job("reverse_in_flight", "Hello World!", poll_timeout=30)
    # One entry for each piece that the worker sent, oldest first.
    print("Pieces: " + " ".join(str(piece) for piece in request.data_updates))
    # The last progress that came in.
    print(f"Progress: {request.status['numerator']} of {request.status['denominator']}")
    print(f"Result: {request.state} - {len(request.result)} bytes")


if __name__ == "__main__":
    main()
