"""mistral.rs' adapter over a double of its stream: what fits into the context, what is stamped, what is said of its account."""

from types import SimpleNamespace

import pytest

from harness.errors import BadInput, RunFailed
from runtimes.mistralrs import LoadedMistralRS

MS = 1_000_000


class Runner:
    """Answers with as many tokens as were asked for; their ids are their numbers."""

    def __init__(self, prompt_tokens, times=(0.873, 6.299), held_back=False):
        self.prompt_tokens, self.times, self.held_back = prompt_tokens, times, held_back

    def send_chat_completion_request(self, request):
        usage = SimpleNamespace(
            prompt_tokens=self.prompt_tokens,
            completion_tokens=request.max_tokens,
            total_prompt_time_sec=self.times[0],
            total_completion_time_sec=self.times[1],
        )
        for number in range(request.max_tokens):
            one = SimpleNamespace(top_logprobs=[SimpleNamespace(token=number)])
            yield SimpleNamespace(choices=[SimpleNamespace(logprobs=one)], usage=usage)
        if self.held_back:
            yield SimpleNamespace(choices=[SimpleNamespace(logprobs=None)], usage=usage)


class Double(LoadedMistralRS):
    def __init__(self, runner, context):
        self._engine = SimpleNamespace(ChatCompletionRequest=lambda **asked: SimpleNamespace(**asked))
        self._runner, self._context, self._caching, self._counters = runner, context, False, {}

    def _text(self, ids):
        return "".join(chr(97 + one % 26) for one in ids)


class Watch:
    def __init__(self):
        self.seen = []
        self.start = lambda: self.seen.append("start")
        self.token = lambda: self.seen.append("token")
        self.again = lambda: self.seen.append("again")


def test_a_prefill_alone_may_fill_the_whole_context():
    """It makes one token, which is stamped and takes no place."""
    watch = Watch()
    assert Double(Runner(512), 512).generate(range(512), 0, watch) == []
    assert watch.seen == ["start", "token"]


@pytest.mark.parametrize(("prompt", "made", "fits"), [(508, 4, True), (509, 4, False), (513, 0, False)])
def test_what_does_not_fit_is_refused_before_anything_is_sent(prompt, made, fits):
    engine, watch = Double(Runner(prompt), 512), Watch()
    if fits:
        assert engine.generate(range(prompt), made, watch) == [0, 1, 2, 3]
    else:
        with pytest.raises(BadInput, match=f"{prompt + made} tokens don't fit into 512"):
            engine.generate(range(prompt), made, watch)
        assert not watch.seen


def test_its_account_says_how_much_of_the_steps_it_cuts_off():
    """0.9.5 adds up `as_millis()` of each step, which cuts: of 5 steps up to 5 ms are missing."""
    engine, watch = Double(Runner(9, held_back=True), 64), Watch()
    assert engine.generate(range(9), 6, watch) == [0, 1, 2, 3, 4, 5]
    assert watch.seen == ["start"] + ["token"] * 6
    assert engine.counters() == {
        "decode_steps": 5, "completion_tokens": 6, "prefill_ns": 873 * MS, "decode_ns": 6299 * MS, "decode_cut_ns": 5 * MS,
    }  # fmt: skip


def test_a_count_that_is_not_the_prompts_ends_the_run():
    with pytest.raises(RunFailed, match="computed 11 prompt tokens in place of 5") as ended:
        Double(Runner(11), 64).generate(range(5), 2, Watch())
    assert ended.value.code == "tokenizer"
