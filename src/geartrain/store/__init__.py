"""Durable queues: where background jobs survive a stop, a crash or a power cut of the job server."""
