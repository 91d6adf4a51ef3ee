"""A worker of the classic API, run as a process. Usage: classic_worker.py PORT."""

import sys

import gearman


def updates(worker: gearman.GearmanWorker, job: gearman.GearmanJob) -> str:
    worker.send_job_data(job, "first")
    worker.send_job_status(job, 1, 2)
    worker.send_job_warning(job, "careful")
    return "done"


def fail(_worker: gearman.GearmanWorker, _job: gearman.GearmanJob) -> str:
    raise RuntimeError("what went wrong")


worker = gearman.GearmanWorker([f"127.0.0.1:{sys.argv[1]}"])
worker.set_client_id("classic-worker")
worker.register_task("reverse", lambda _, job: job.data[::-1])
worker.register_task("updates", updates)
worker.register_task("fail", fail)
worker.work()
