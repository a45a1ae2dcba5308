"""One driver a peer: it builds the task set with the peer's own means, and writes what the peer makes of it."""
