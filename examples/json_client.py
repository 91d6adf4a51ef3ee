"""Has numbers added up by a worker (json_worker.py). Jobs and results are Python objects, sent as JSON.

Usage: python json_client.py [host:port ...]
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


def main() -> None:
    client = gearman.GearmanClient(sys.argv[1:] or ["localhost:4730"])
    client.data_encoder = JSONDataEncoder
    request = client.submit_job("add_up", [1, 2, 3.5], poll_timeout=30)
    print(f"Sum: {request.result['sum']}")


if __name__ == "__main__":
    main()
