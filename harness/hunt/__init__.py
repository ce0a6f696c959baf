"""Which release made it slower: releases, or builds, measured beside a good one, until the first slower one is known.

`halving` says what to measure next, from what is known; `question` is what was asked; `releases` and `candidates` say what lies
between good and bad; `beside` measures two of them in turn; `state` is all of it on disk; `bisect` leads. `points` and `watch`
hold the newest release against the last one, night after night.
"""
