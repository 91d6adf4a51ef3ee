"""Queues as those see them who only look: beside a job server that holds them, or without one."""
