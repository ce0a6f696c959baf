"""One matrix over many machines: the plan is data, an engine that exists distributes it, each machine measures alone.

`plan` says what is measured where; `executors` hand it to this machine or to SLURM; `job` is what runs on a node; `state` is
all of it on disk; `collect` takes the records home; `report` names the node that is unlike the others.
"""
