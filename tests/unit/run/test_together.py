"""One bar for several runs that take turns."""

from harness.run.together import Together


class Heard:
    def __init__(self):
        self.said = []

    def stage(self, text):
        self.said.append(text)

    def remark(self, text):
        self.said.append(text)

    def advance(self, text, done, total):
        self.said.append((text, done, total))


def test_what_every_run_says_while_it_is_prepared_is_said_once():
    heard = Heard()
    together = Together(heard, 2)
    for place in (0, 1):
        run = together.of(place, f"threads={place + 1}")
        run.stage("measuring quick-v1")
        run.remark("its weights do not fit into the free memory whole")
        run.advance("downloading", 1, 2)
    assert heard.said == [
        "measuring quick-v1",
        "its weights do not fit into the free memory whole",
        ("downloading", 1, 2),
        ("downloading", 1, 2),
    ]


def test_the_bar_is_the_sum_of_all_runs_and_names_the_one_that_moves():
    heard = Heard()
    together = Together(heard, 3)
    first, second = together.of(0, "threads=1"), together.of(1, "threads=2")
    together.measuring = True
    first.advance("process 1 of 4: decode", 5, 20)
    second.advance("process 1 of 4: decode", 2, 20)
    first.remark("process 0 failed")
    assert heard.said == [
        ("threads=1: process 1 of 4: decode", 5, 60),
        ("threads=2: process 1 of 4: decode", 7, 60),
        "threads=1: process 0 failed",
    ]
