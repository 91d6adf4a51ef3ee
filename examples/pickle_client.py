"""Has days counted by a worker (pickle_worker.py). Jobs and results are Python objects, sent as pickles.

Reading a pickle can run any code its writer likes. Use this encoder only where everybody who can reach the
job server is trusted like the client itself; otherwise use JSON (json_client.py).

Usage: python pickle_client.py [host:port ...]
"""

import datetime
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


class PickleClient(gearman.GearmanClient):
    data_encoder = PickleDataEncoder


def main() -> None:
    client = PickleClient(sys.argv[1:] or ["localhost:4730"])
    year = (datetime.date(2024, 1, 1), datetime.date(2025, 1, 1))
    request = client.submit_job("days_between", year, poll_timeout=30)
    print(f"Days: {request.result.days}")


if __name__ == "__main__":
    main()
