"""Cases of the payload: its bytes, the statement, the schema, and what binds the samples (sections 5 to 7 of the format).

The signatures of all are true: a reader that forgets the rule accepts.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from tests.conformance.building import (
    BASE,
    SAMPLES,
    ZERO,
    Case,
    Change,
    Json,
    canonical,
    cut,
    of,
    put,
    raw,
    sealed,
    written,
)

# fmt: off
# One case a line.

CHECK: Json = {"code": "c", "status": "unknown", "text": "", "evidence": {"n": 1}}
FINDING: Json = {"code": "c", "severity": "note", "workload": "", "metric": "", "text": "", "evidence": {}}
WORKLOAD: Json = {"id": "w", "title": "", "mode": "greedy", "prompt_tokens": 1, "output_tokens": 1, "prompt_sha256": ZERO, "forced_sha256": None}
RESULT: Json = {"workload": "w", "warmup": 0, "timed": 0, "invalid": 0, "deterministic": None, "output_sha256": None, "output_ids": [], "metrics": [], "depth": None}
EXPERIMENT: Json = {"name": "ab", "id": ZERO, "member": 0, "members": 2, "processes": 4, "seed": 0}
PROCESS: Json = {"index": 0, "load_ns": 5, "peak_rss_bytes": 1, "stamp_cost_ps": 0, "resolution_ns": 1, "gap_p999_ns": 0, "drift_ppm": 0}
METRIC: Json = {"metric": "load_time", "unit": "ns", "higher_is_better": False, "clock": "", "estimate": None, "trials": None, "tokens": None}
PROBE: Json = {"ids_sha256": ZERO, "tokens": 1, "mean_nll_micronats": None}
DEVICE: Json = {"name": "", "kind": "gpu", "description": "", "memory_bytes": None}
OBJECTS = ("harness", "run", "model", "runtime", "environment", "suite", "tokenization", "derived", "samples")
LISTS = ("workloads", "processes", "results", "process_results", "checks", "findings")
MARKS = '"\\\b\f\n\r\t\x00\x01\x0b\x0e\x1f/<>&\'\x7f\x80'


def both(*changes: Change) -> Change:
    def change(value: Json) -> None:
        for one in changes:
            one(value)

    return change


def within(depth: int, inner: bytes) -> bytes:
    """Lists in one another; the outermost stands at depth 3, `inner` at `depth`."""
    return b"[" * (depth - 3) + inner + b"]" * (depth - 3)


def valid() -> Iterator[Case]:
    def case(slug: str, why: str, *changes: Change) -> Case:
        return Case("", slug, why, of(both(*changes)))

    def subject(*more: Json) -> Change:
        return lambda s: s["subject"].extend(more)

    for version in ("1.0", "1.1", "1.3", "1.1000", "1", "1.4-draft"):
        yield case(f"version-{version}", f"schema version {version}", put("schema_version", version))
    yield case("1.0-without-later-members", "a 1.0 that was signed", put("schema_version", "1.0"), put("workloads", [WORKLOAD]), put("results", [RESULT]))
    yield case("unknown-members", "members of a later 1.x", put("schema_version", "1.9"), put("mood", {"colour": [3]}), put("zzz", None))
    yield case("unknown-members-inside", "and in its parts", *(put(f"{name}.mood", 4) for name in ("run", "harness", "suite", "samples", "operator", "runtime")))
    yield case("unknown-members-outside", "further members of statement, subject and digest", lambda s: s.update(note="n"), lambda s: s["subject"][0].update(uri="u"), lambda s: s["subject"][0]["digest"].update(sha512="x"))
    yield case("other-scripts", "texts beyond ASCII", put("environment.x", "äöü €漢字 שלום 😀 e\u0301 é \ufeff \u2028\u2029 \ufffd\uffff \U0010ffff"))
    yield case("marks", "every mark that is escaped, and some that are not", put("environment.x", MARKS))
    yield case("marks-in-names", "the same in names", put("environment", {name: i for i, name in enumerate(MARKS[:-1])} | {"": 0}))
    yield case("order-of-names", "names in the order of their bytes", put("environment", dict.fromkeys(["", "!", "A", "B", "Z", "_", "a", "a ", "aA", "a_", "aa", "b", "~"], 0)))
    yield case("largest-integers", "the integers of 53 bits", put("environment", {"least": 1 - 2**53, "most": 2**53 - 1, "list": [0, -1, 10]}))
    yield Case("", "deepest-number", "a number at depth 32", raw(within(32, b"0")))
    yield Case("", "deepest-list", "an empty list at depth 32", raw(within(32, b"[]")))
    yield Case("", "deepest-object", "an empty object at depth 32", raw(b'{"a":' * 29 + b"{}" + b"}" * 29))
    yield case("numbers-in-texts", "a text may hold any number", put("environment.x", ["1.0", "1e3", "NaN", "-0", "9" * 40]))
    yield case("synthetic", "a simulated runtime's: true signatures, no measurement", put("run.synthetic", True))
    yield case("probe", "with a probe", put("probe", PROBE))
    yield case("process", "with a process", put("processes", [PROCESS]))
    yield case("device", "with a device", put("runtime.devices", [DEVICE, DEVICE | {"memory_bytes": 0}]))
    yield case("check-and-finding", "with a check and a finding", put("checks", [CHECK]), put("findings", [FINDING]))
    yield case("settings", "texts, integers, booleans and null as settings", put("runtime.settings", {"a": "x", "b": -1, "c": True, "d": None}))
    yield case("failed-process", "with a process that failed", put("run.failed_processes", [{"index": 0, "reason": "hung"}]))
    yield case("nulls-filled", "what may be null is not", put("harness.commit", "c"), put("harness.dirty", True), put("run.budget_s", 0), put("tokenization.bos_id", -1), put("tokenization.tokenizer_sha256", ZERO))
    yield case("chain", "a challenge, and a place in the rig's chain", put("run.challenge", ZERO), put("operator.run_number", 2), put("operator.previous", ZERO))
    yield case("chain-null", "the same as null", put("run.challenge", None), put("operator.run_number", None), put("operator.previous", None))
    yield case("experiment", "a member of an experiment", put("schema_version", "1.6"), put("run.experiment", EXPERIMENT))
    yield case("experiment-null", "a run by itself", put("run.experiment", None))
    yield case("handle-shortest", "a handle of two characters", put("operator.handle", "0a"))
    yield case("handle-longest", "a handle of 32 characters", put("operator.handle", "a-_0" * 8))
    yield case("depth", "workloads behind tokens that are in the cache", put("schema_version", "1.4"), put("workloads", [WORKLOAD | {"mode": "forced", "depth": 512}, WORKLOAD | {"id": "v", "depth": None}]), put("results", [RESULT, RESULT | {"workload": "v"}]))
    yield case("more-subjects", "subjects for model and suite", subject({"name": "m.gguf", "digest": {"sha256": ZERO}}, {"name": "s.toml", "digest": {"sha256": ""}}))
    yield case("samples-name", "`file` is a subject's name, and is never opened", put("samples.file", "../x"), lambda s: s["subject"][0].update(name="../x"))


def texts() -> Iterator[Case]:
    """Payloads that RFC 8785 would have written otherwise, or not at all."""

    def case(slug: str, why: str, payload: bytes) -> Case:
        return Case("canonical", slug, why, written(sealed(payload)))

    def held(slug: str, why: str, text: bytes | str, name: str = '"x"') -> Case:
        return Case("canonical", slug, why, raw(text.encode() if isinstance(text, str) else text, name.encode()))

    yield case("empty", "no bytes", b"")
    yield case("byte-order-mark", "a byte order mark", b"\xef\xbb\xbf" + BASE)
    yield case("space-first", "a space before it", b" " + BASE)
    yield case("line-feed-last", "a line feed behind it", BASE + b"\n")
    yield case("nul-last", "a NUL behind it", BASE + b"\0")
    yield case("two-values", "two values", BASE + b"{}")
    yield case("truncated", "the last byte is missing", BASE[:-1])
    yield case("utf-16", "UTF-16", canonical({"_type": "https://in-toto.io/Statement/v1"}).decode().encode("utf-16"))
    yield case("space-after-colon", "a space behind a colon", BASE.replace(b'"seed":', b'"seed": '))
    yield case("space-after-comma", "a space behind a comma", BASE.replace(b',"seed":', b', "seed":'))
    yield case("line-feed-inside", "a line feed between two members", BASE.replace(b',"seed":', b',\n"seed":'))
    yield case("order", "two members of the statement change places", BASE.replace(b'{"_type":"https://in-toto.io/Statement/v1",', b"{")[:-1] + b',"_type":"https://in-toto.io/Statement/v1"}')
    yield held("order-inside", "names out of order far inside", '{"b":1,"a":2}')
    yield held("order-of-capitals", "sorted without regard to capitals", '{"a":1,"B":2}')
    yield held("order-of-lengths", "the shorter name behind the longer that begins with it", '{"aa":1,"a":2}')
    yield held("order-as-escaped", "sorted as escaped: a quotation mark is less than #, a backslash is not", '{"#":1,"\\"":2}')
    for slug, text in {
        "1.0": "1.0", "0.0": "0.0", "-1.0": "-1.0", "1.5": "1.5", "1e3": "1e3", "1E3": "1E3", "1e-1": "1e-1", "1e400": "1e400", "-0": "-0", "01": "01", "plus-1": "+1",
        "1.": "1.", ".5": ".5", "minus": "-", "hexadecimal": "0x10", "underscore": "1_000", "nan": "NaN", "infinity": "Infinity", "minus-infinity": "-Infinity",
        "2-to-53": str(2**53), "minus-2-to-53": str(-(2**53)), "2-to-53-plus-1": str(2**53 + 1), "2-to-63": str(2**63), "2-to-64": str(2**64), "401-digits": "1" + "0" * 400,
        "1500-digits": "9" * 1500, "fullwidth-digit": "１", "float-of-integer-size": "9007199254740991.0",
    }.items():
        yield held(f"number-{slug}", f"the number {text[:24]}", text)
    for slug, text in {"true-capital": "True", "none": "None", "undefined": "undefined", "bare-word": "x", "nothing": "", "single-quotes": "'x'"}.items():
        yield held(f"word-{slug}", f"{text!r} for a value", text)
    yield case("name-twice", "a name twice in the statement", BASE.replace(b'"subject":', b'"subject":[],"subject":'))
    yield held("name-twice-inside", "a name twice far inside", '{"a":1,"a":2}')
    yield held("name-twice-equal", "with equal values", '{"a":1,"a":1}')
    yield held("name-twice-escaped", "one of them escaped", '{"a":1,"\\u0061":2}')
    yield held("name-not-ascii", "a name that is not ASCII", "0", '"ä"')
    yield held("name-number", "a name without quotes", "0", "1")
    for slug, why, text in (
        ("surrogate-high", "half of a pair", '"\\ud83d"'), ("surrogate-low", "the other half", '"\\ude00"'), ("surrogates-reversed", "both, reversed", '"\\ude00\\ud83d"'),
        ("surrogate-pair", "a pair as two escapes", '"\\ud83d\\ude00"'), ("escaped-slash", "an escaped /", '"\\/"'), ("escaped-letter", "an escaped a", '"\\u0061"'),
        ("escaped-umlaut", "an escaped ä", '"\\u00e4"'), ("escaped-delete", "an escaped U+007F", '"\\u007f"'), ("escaped-line-separator", "an escaped U+2028", '"\\u2028"'),
        ("escaped-quote", "U+0022 as a number", '"\\u0022"'), ("escaped-backslash", "U+005C as a number", '"\\u005c"'), ("escaped-line-feed", "U+000A as a number", '"\\u000a"'),
        ("escaped-backspace", "U+0008 as a number", '"\\u0008"'), ("escape-in-capitals", "U+001F in capitals", '"\\u001F"'), ("escape-u-capital", "a capital U", '"\\U0000001f"'),
        ("escape-hexadecimal", "\\x", '"\\x1f"'), ("escape-single-quote", "an escaped '", '"\\\'"'), ("escape-short", "an escape of three digits", '"\\u01f"'), ("escape-vertical-tab", "\\v", '"\\v"'),
        ("raw-line-feed", "a line feed as it is", '"\n"'), ("raw-tab", "a tabulator as it is", '"\t"'), ("raw-nul", "a NUL as it is", '"\0"'), ("text-open", "a text without its end", '"x'),
    ):
        yield held(slug, why, text)
    for slug, why, data in (
        ("surrogate-bytes", "a surrogate as UTF-8", b"\xed\xa0\xbd"), ("pair-bytes", "a pair of surrogates as UTF-8", b"\xed\xa0\xbd\xed\xb8\x80"), ("invalid-byte", "the byte FF", b"\xff"),
        ("overlong", "an overlong /", b"\xc0\xaf"), ("overlong-nul", "an overlong NUL", b"\xc0\x80"), ("sequence-cut", "a sequence without its end", b"\xe2\x82"),
        ("continuation", "a continuation without its beginning", b"\x80"), ("beyond-unicode", "beyond U+10FFFF", b"\xf4\x90\x80\x80"), ("latin-1", "Latin-1", b"\xe4"),
    ):
        yield held(slug, why, b'"' + data + b'"')
    yield held("comma-last-in-list", "a comma before the end of a list", "[1,]")
    yield held("comma-last-in-object", "a comma before the end of an object", '{"a":1,}')
    yield held("comma-first", "a comma at the beginning of a list", "[,1]")
    yield held("comma-missing", "no comma between two", "[1 2]")
    yield held("colon-missing", "no colon", '{"a" 1}')
    yield held("comment", "a comment", "0/**/")
    yield held("deeper-number", "a number at depth 33", within(33, b"0"))
    yield held("deeper-list", "an empty list at depth 33", within(33, b"[]"))
    yield held("deeper-object", "an empty object at depth 33", b'{"a":' * 30 + b"{}" + b"}" * 30)
    yield case("depth-bomb", "1500 lists in one another", b"[" * 1500 + b"]" * 1500)
    yield case("depth-bomb-open", "the same without their ends, as objects", b'{"a":' * 500)


def statements() -> Iterator[Case]:
    def case(rule: str, slug: str, why: str, change: Change) -> Case:
        return Case(rule, slug, why, of(change))

    def member(slug: str, why: str, **members: Json) -> Case:
        return case("statement", slug, why, lambda s: s.update(members))

    for slug, text in {"null": b"null", "list": b"[]", "text": b'"x"', "number": b"7", "nothing": b"{}"}.items():
        yield Case("statement", slug, f"the payload is {text.decode()}", written(sealed(text)))
    for name in ("_type", "predicateType", "predicate"):
        yield case("statement", f"no-{name}", f"without {name}", lambda s, n=name: s.pop(n))  # type: ignore[misc]
    yield case("statement", "bare", "the record without a statement", lambda s: (s.update(s["predicate"]), [s.pop(n) for n in ("_type", "predicateType", "subject", "predicate")]))
    yield member("type-0.1", "an older statement", _type="https://in-toto.io/Statement/v0.1")
    yield member("type-null", "_type is null", _type=None)
    yield member("type-slash", "a slash behind _type", _type="https://in-toto.io/Statement/v1/")
    yield member("predicate-other", "another predicate", predicateType="https://slsa.dev/provenance/v1")
    yield member("predicate-v2", "version 2 of the predicate's type", predicateType="urn:repro-harness:record:v2")
    yield member("predicate-capitals", "capitals in the predicate's type", predicateType="URN:repro-harness:record:v1")
    yield member("predicate-number", "the predicate's type is a number", predicateType=1)
    yield member("predicate-list", "the predicate is a list", predicate=[])
    yield member("predicate-null", "the predicate is null", predicate=None)
    yield member("predicate-text", "the predicate is a text", predicate="1.2")
    for slug, version in {
        "2.0": "2.0", "2": "2", "0.9": "0.9", "10.0": "10.0", "11": "11", "01.0": "01.0", "space": " 1.0", "v1.0": "v1.0", "plus": "+1.0", "comma": "1,2", "empty": "", "point": ".1",
        "fullwidth": "１.0", "line-feed": "1\n.2", "number": 1, "true": True, "null": None, "list": ["1.2"],
    }.items():
        yield case("version", slug, f"schema version {version!r}", put("schema_version", version))
    yield case("version", "missing", "no schema version", cut("schema_version"))
    digest = sha256(SAMPLES).hexdigest()
    own = {"name": "samples.parquet", "digest": {"sha256": digest}}
    for slug, why, subjects in (
        ("text", "a text", digest), ("object", "an object", own), ("null", "null", None), ("list-of-text", "a text in the list", [own, digest]), ("list-of-list", "a list in the list", [own, []]),
        ("name-missing", "one without name", [own, {"digest": {"sha256": digest}}]), ("name-number", "a name that is a number", [own, {"name": 1, "digest": {"sha256": digest}}]),
        ("digest-missing", "one without digest", [own, {"name": "m"}]), ("digest-text", "a digest that is a text", [own, {"name": "m", "digest": digest}]),
        ("other-algorithm", "one without sha256", [own, {"name": "m", "digest": {"sha512": digest}}]), ("digest-number", "a sha256 that is a number", [own, {"name": "m", "digest": {"sha256": 7}}]),
        ("name-twice", "two of one name, the last is the samples", [{"name": "samples.parquet", "digest": {"sha256": ZERO}}, own]), ("name-twice-equal", "the samples twice", [own, own]),
    ):
        yield case("subjects", slug, f"the subjects: {why}", lambda s, v=subjects: s.update(subject=v))  # type: ignore[misc]
    yield case("subjects", "missing", "no subjects", lambda s: s.pop("subject"))
    for slug, why, subjects in (
        ("none", "an empty list", []), ("others", "only others", [{"name": "m.gguf", "digest": {"sha256": ZERO}}]), ("name", "the samples under another name", [own | {"name": "m.gguf"}]),
        ("name-capitals", "capitals in the name", [own | {"name": "Samples.parquet"}]), ("name-space", "a space behind the name", [own | {"name": "samples.parquet "}]),
        ("digest", "another digest", [own | {"digest": {"sha256": ZERO}}]), ("digest-capitals", "the digest in capitals", [own | {"digest": {"sha256": digest.upper()}}]),
        ("digest-prefix", "sha256: before the digest", [own | {"digest": {"sha256": "sha256:" + digest}}]), ("digest-short", "the digest cut", [own | {"digest": {"sha256": digest[:63]}}]),
    ):
        yield case("binding", slug, f"the subjects: {why}", lambda s, v=subjects: s.update(subject=v))  # type: ignore[misc]
    yield case("binding", "record-digest", "the record names another digest than its subject", put("samples.sha256", ZERO))
    yield case("binding", "record-file", "the record names another file than its subject", put("samples.file", "other.parquet"))
    for slug, why, value in (("other", "samples of another run", ZERO), ("empty", "the digest of no bytes", sha256(b"").hexdigest()), ("base", "the digest of something else", sha256(BASE).hexdigest())):
        yield case("samples", slug, why, both(put("samples.sha256", value), lambda s, v=value: s["subject"][0]["digest"].update(sha256=v)))  # type: ignore[misc]


def fields() -> Iterator[Case]:
    """A field that is missing or of another kind."""

    def case(slug: str, why: str, change: Change) -> Case:
        return Case("schema", slug, why, of(change))

    for name in (*OBJECTS, *LISTS, "probe"):
        yield case(f"no-{name}", f"without {name}", cut(name))
    for name in OBJECTS:
        yield case(f"{name}-list", f"{name} is a list", put(name, []))
        yield case(f"{name}-null", f"{name} is null", put(name, None))
    for name in LISTS:
        yield case(f"{name}-object", f"{name} is an object", put(name, {}))
        yield case(f"{name}-null", f"{name} is null", put(name, None))
        yield case(f"{name}-of-null", f"{name} holds null", put(name, [None]))
    for path in (
        "harness.worker_sha256", "harness.commit", "run.seed", "run.synthetic", "run.failed_processes", "runtime.engine", "runtime.clock", "runtime.devices", "suite.sha256", "suite.headline",
        "tokenization.bos_id", "samples.file", "samples.sha256", "samples.rows", "operator.handle", "operator.operator_key", "operator.rig_key",
    ):
        yield case(f"no-{path}", f"without {path}", cut(path))
    for slug, path, value in (
        ("probe-list", "probe", []), ("probe-text", "probe", "x"), ("probe-part", "probe", {"tokens": 1}), ("operator-list", "operator", []), ("operator-text", "operator", "lighthouse"),
        ("digest-capitals", "harness.worker_sha256", "A" * 64), ("digest-short", "harness.worker_sha256", "0" * 63), ("digest-long", "harness.worker_sha256", "0" * 65),
        ("digest-line-feed", "harness.worker_sha256", ZERO + "\n"), ("digest-number", "suite.sha256", 0), ("digest-prefix", "suite.sha256", "sha256:" + ZERO), ("version-number", "harness.version", 1),
        ("seed-negative", "run.seed", -1), ("seed-true", "run.seed", True), ("seed-text", "run.seed", "7"), ("seed-null", "run.seed", None), ("seed-list", "run.seed", [7]), ("synthetic-number", "run.synthetic", 0),
        ("synthetic-text", "run.synthetic", "false"), ("synthetic-null", "run.synthetic", None), ("load-list", "run.load_before", []), ("budget-negative", "run.budget_s", -1), ("started-number", "run.started_utc", 7),
        ("failed-text", "run.failed_processes", ["hung"]), ("build-list", "runtime.build", {"a": []}), ("settings-object", "runtime.settings", {"a": {}}), ("variables-number", "runtime.variables", {"a": 1}),
        ("packages-null", "runtime.packages", {"a": None}), ("devices-object", "runtime.devices", {}), ("device-part", "runtime.devices", [{"name": ""}]), ("device-memory", "runtime.devices", [DEVICE | {"memory_bytes": "8"}]),
        ("vocab-negative", "runtime.vocab_size", -1), ("suite-version-text", "suite.version", "1"), ("bos-text", "tokenization.bos_id", "1"), ("rows-negative", "samples.rows", -1), ("rows-text", "samples.rows", "0"),
        ("samples-digest-capitals", "samples.sha256", sha256(SAMPLES).hexdigest().upper()), ("mode", "workloads", [WORKLOAD | {"mode": "sampled"}]), ("concurrency", "workloads", [WORKLOAD | {"concurrency": "1"}]),
        ("depth", "workloads", [WORKLOAD | {"depth": "512"}]), ("depth-below-0", "workloads", [WORKLOAD | {"depth": -1}]),
        ("workload-part", "workloads", [{"id": "w"}]), ("check-status", "checks", [CHECK | {"status": "maybe"}]), ("check-evidence", "checks", [CHECK | {"evidence": {"n": "1"}}]),
        ("finding-severity", "findings", [FINDING | {"severity": "Note"}]), ("unit", "process_results", [METRIC | {"unit": "s"}]), ("better-number", "process_results", [METRIC | {"higher_is_better": 0}]),
        ("estimate-part", "process_results", [METRIC | {"estimate": {"point": 1}}]), ("ids-text", "results", [RESULT | {"output_ids": ["1"]}]), ("depth-list", "results", [RESULT | {"depth": []}]),
        ("process-negative", "processes", [PROCESS | {"load_ns": -1}]), ("handle-number", "operator.handle", 7), ("handle-null", "operator.handle", None), ("challenge-text", "run.challenge", "x"),
        ("challenge-number", "run.challenge", 7), ("run-number-text", "operator.run_number", "1"), ("run-number-negative", "operator.run_number", -1), ("previous-short", "operator.previous", "0"),
        ("experiment-text", "run.experiment", "x"), ("experiment-part", "run.experiment", {"name": "x"}), ("experiment-alone", "run.experiment", EXPERIMENT | {"members": 1}),
        ("experiment-member", "run.experiment", EXPERIMENT | {"member": -1}), ("experiment-id", "run.experiment", EXPERIMENT | {"id": "0"}), ("experiment-name", "run.experiment", EXPERIMENT | {"name": "a b"}),
        ("operator-key-capitals", "operator.operator_key", "AB" * 32), ("operator-key-short", "operator.operator_key", "0" * 62), ("operator-key-null", "operator.operator_key", None), ("rig-key-list", "operator.rig_key", []),
        ("rig-key-line-feed", "operator.rig_key", "1" * 64 + "\n"),
    ):
        yield case(slug, f"{path} is {value!r}"[:120], put(path, value))
    yield case("known-member-of-a-1.0", "a member that a 1.0 did not have yet, of another kind", both(put("schema_version", "1.0"), put("workloads", [WORKLOAD | {"concurrency": []}])))
    yield case("known-member-of-a-1.9", "a later 1.x with a member of another kind", both(put("schema_version", "1.9"), put("run.resumed", 1)))
