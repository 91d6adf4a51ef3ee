"""Shows what a job server does: its version, its tasks and who is connected.

Usage: python admin_view.py [host:port]
"""

import sys

import gearman


def main() -> None:
    admin = gearman.GearmanAdminClient(sys.argv[1:2] or ["localhost:4730"])
    print(f"Version: {admin.get_version()}")
    print(f"Answers within {admin.ping_server() * 1000:.2f} ms")
    print("Tasks:")
    for row in sorted(admin.get_status(), key=lambda row: str(row["task"])):
        waiting = row["queued"] - row["running"]
        print(f"  {row['task']}: waiting {waiting}, running {row['running']}, workers {row['workers']}")
    print("Connections:")
    for row in admin.get_workers():
        print(f"  {row['client_id']} from {row['ip']}: {', '.join(row['tasks']) or 'no tasks'}")


if __name__ == "__main__":
    main()
