"""A volunteer's machine measures what a registry's requests ask for, when it is free, by rules that its owner wrote.

`policy` is what the owner allows; `jobs` says whether a request fits; `conditions` whether the machine may measure now; `work`
leads one job from its lease to the queue; `lead` looks for the next; `state` is all of it on disk. A job is data: what a registry
sends chooses among the owner's own words, and no other text of it reaches a runtime.
"""
