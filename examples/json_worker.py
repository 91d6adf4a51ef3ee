"""Adds numbers up. Jobs and results are Python objects, sent as JSON; until Ctrl-C.

Usage: python json_worker.py [host:port ...]
"""

import json
import sys
from typing import Any

import gearman


class JSONDataEncoder(gearman.DataEncoder):
    @classmethod
    def encode(cls, encodable_object: Any) -> str:
        return json.dumps(encodable_object)

    @classmethod
    def decode(cls, decodable_string: bytes) -> Any:
        return json.loads(decodable_string)


class JSONWorker(gearman.GearmanWorker):
    data_encoder = JSONDataEncoder


def add_up(worker: gearman.GearmanWorker, job: gearman.GearmanJob) -> object:
    return {"numbers": job.data, "sum": sum(job.data)}


def main() -> None:
    worker = JSONWorker(sys.argv[1:] or ["localhost:4730"])
    worker.register_task("add_up", add_up)
    try:
        worker.work()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
