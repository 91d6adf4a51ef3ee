"""``geartrain top``: a live view of a job server."""
