"""What each event may do, and to what: pure functions from (event, who signed it, the facts so far) to new facts."""
