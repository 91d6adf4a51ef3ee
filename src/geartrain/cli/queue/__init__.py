"""``geartrain queue``: durable queues, looked at and carried about. Each subcommand has a module."""
