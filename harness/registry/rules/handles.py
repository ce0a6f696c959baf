"""Which handles nobody may take, and which look like another one. Pure."""

from __future__ import annotations

import re

# Roles that a reader would believe, pages of the site, and names of devices under Windows.
RESERVED = frozenset(
    """
    admin administrator anonymous anybody api approved audit benchmark benchmarks bot card checkpoint community compare
    decisions deleted demo editor editorial editors everybody everyone feed guest help host registry index llms log login logout
    maintainer maintainers me methodology moderator moderators network nobody none null official operator operators owner
    policy public registry regressions repro requests review reviewer robots root row rows security self service site sitemap
    staff static support synthetic system team test tiles undefined unknown unsigned user users verified webmaster witness
    aux con nul prn
    """.split()
)
_RESERVED_FORMS = re.compile(r"page-?[0-9]+|(?:com|lpt)[0-9]|synthetic-?|unsigned.*")
_SIGN_AT_END_OR_TWICE = re.compile(r".*[-_]|.*[-_]{2}.*")
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))
_LETTERS = str.maketrans({"0": "o", "1": "l", "i": "l", "-": None, "_": None})


def flaw(handle: str) -> str | None:
    """Why nobody may take this handle, in words; None where somebody may."""
    if handle in RESERVED or _RESERVED_FORMS.fullmatch(handle):
        return f"the handle {handle} is reserved"
    if _SIGN_AT_END_OR_TWICE.fullmatch(handle):
        return f"the handle {handle} ends with a sign, or has two in a row"
    return None


def skeleton(handle: str) -> str:
    """What a reader sees at a glance: two handles of one skeleton are taken for each other."""
    seen = handle.translate(_LETTERS)
    for pair, letter in _PAIRS:
        seen = seen.replace(pair, letter)
    return seen


def nearly_equal(a: str, b: str) -> bool:
    """Whether two different handles of four characters or more are one keystroke apart, or have their neighbours exchanged."""
    if a == b or min(len(a), len(b)) < 4 or abs(len(a) - len(b)) > 1:
        return False
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    rest_a, rest_b = a[start:], b[start:]
    one_more = rest_a[1:] == rest_b or rest_a == rest_b[1:]
    return one_more or rest_a[1:] == rest_b[1:] or (rest_a[:2] == rest_b[:2][::-1] and rest_a[2:] == rest_b[2:])
