"""A witness of logs: it signs checkpoints of logs that only grow, over HTTP (C2SP tlog-witness). It holds its own key alone."""
