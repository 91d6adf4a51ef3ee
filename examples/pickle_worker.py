"""Counts days. Jobs and results are Python objects, sent as pickles; until Ctrl-C.

Reading a pickle can run any code its writer likes. Use this encoder only where everybody who can reach the
job server is trusted like the worker itself; otherwise use JSON (json_worker.py).

Usage: python pickle_worker.py [host:port ...]
"""

import pickle
import sys
from typing import Any

import gearman


class PickleDataEncoder(gearman.DataEncoder):
    @classmethod
    def encode(cls, encodable_object: Any) -> bytes:
        return pickle.dumps(encodable_object)

    @classmethod
    def decode(cls, decodable_string: bytes) -> Any:
        return pickle.loads(decodable_string)


class PickleWorker(gearman.GearmanWorker):
    data_encoder = PickleDataEncoder


def days_between(worker: gearman.GearmanWorker, job: gearman.GearmanJob) -> object:
    first, last = job.data
    return last - first


def main() -> None:
    worker = PickleWorker(sys.argv[1:] or ["localhost:4730"])
    worker.register_task("days_between", days_between)
    try:
        worker.work()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
