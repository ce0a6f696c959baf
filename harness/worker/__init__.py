"""The child process that measures: reads a plan, drives one runtime, streams samples back over a pipe of its own."""
