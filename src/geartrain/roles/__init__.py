"""One connection as its client or its worker sees it: packets in, events and packets out, no I/O."""
