"""The queues of the C server, to be imported: tables and keys that its ``--queue-type`` options have made."""
