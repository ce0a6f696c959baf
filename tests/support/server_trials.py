"""An answer of the double's, timed by the adapter as a worker would, in the tests' own process."""

from harness.measure.stopwatch import Stopwatch
from harness.measure.trial import Mode, Purpose, Trial
from runtimes.interface import ModelFiles
from runtimes.openai_http import OpenAIHTTP
from tests.support.model_server import ids_of

PROMPT = ids_of("the quiet harbour boat comes home one after other")


def load(model, url, **options):
    return OpenAIHTTP().load(ModelFiles(model, "gguf"), {"url": url, **options})


def timed(loaded, count, prompt=PROMPT):
    """One answer as a trial."""
    watch = Stopwatch(count)
    loaded.reset()
    ids = loaded.generate(prompt, count, watch)
    return Trial(
        0, 0, "w", Purpose.TIMED, Mode.GREEDY, len(prompt), count, 0, watch.token_ns(), watch.step_ns(), tuple(ids), {},
        dict(loaded.counters()),
    )  # fmt: skip


def line(error):
    text = str(error.value)
    assert "\n" not in text
    assert len(text) <= 500
    return text


TOKENS = [b'data: {"choices": [{"text": "x"}]}\n\n'] * 4
