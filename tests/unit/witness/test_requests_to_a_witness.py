"""What a witness answers to each request of the protocol, in front of a real server; its state is on disk before the answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from hashlib import sha256

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from harness.errors import BadInput, LogInconsistent
from harness.service.witness.state import Witness, opened
from harness.tlog import checkpoint, cosignature, merkle, witness
from harness.tlog.checkpoint import Checkpoint
from harness.tlog.cosignature import Cosigner
from harness.tlog.merkle import EMPTY_ROOT, Tree, leaf_hash
from harness.tlog.witness import Request
from tests.support.witnessed import witnessed

ORIGIN = "log.example/a"
LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(3, 35)))
VKEY = checkpoint.vkey(ORIGIN, LOG.public_key())
TREE = Tree(leaf_hash(bytes([number])) for number in range(40))
FORK = Tree(leaf_hash(bytes([number, 1])) for number in range(40))

# filippo.io/torchwood, internal/witness: a Sigsum log of 1, 3 and 5 entries, with proofs from 1.
SIGSUM = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562"
SIGSUM_KEY = "ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f"
SIGSUM_LINE = "— " + SIGSUM + " UgIo"
FIRST = f"""old 0

{SIGSUM}
1
KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

{SIGSUM_LINE}m7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=
"""
THREE = f"""old 1
KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

{SIGSUM}
3
RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=

{SIGSUM_LINE}m2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=
"""
FIVE = f"""old 1
KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=
KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

{SIGSUM}
5
QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=

{SIGSUM_LINE}mw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=
"""


def head(size: int, tree: Tree = TREE) -> Checkpoint:
    return Checkpoint(ORIGIN, size, merkle.root(size, tree.node))


def asking(old: int, size: int, tree: Tree = TREE, key: Ed25519PrivateKey = LOG) -> bytes:
    return witness.write(
        Request(
            old, tuple(merkle.consistency_proof(old, size, tree.node)), checkpoint.sign(head(size, tree), key, ORIGIN)
        )
    )


@pytest.fixture
def served(tmp_path) -> Iterator[tuple[Witness, httpx2.Client]]:
    with opened(tmp_path / "state", "witness.example/w1") as found:
        found.know(ORIGIN, VKEY, lambda _old, _new: False)
        with witnessed(found) as client:
            yield found, client


def post(client: httpx2.Client, body: bytes | str) -> httpx2.Response:
    return client.post("/add-checkpoint", content=body)


def held(found: Witness, answer: httpx2.Response, size: int, tree: Tree = TREE) -> None:
    """The answer is one cosignature that holds, and the state on disk says so, too."""
    assert answer.status_code == 200, answer.text
    assert answer.content.endswith(b"\n")
    assert answer.content.count(b"\n") == 1
    note = checkpoint.sign(head(size, tree), LOG) + answer.content
    own = Cosigner(found.name, found.key.public_key())
    times = cosignature.times(note, [own], "x")
    assert times[found.name] > 1_700_000_000
    kept = json.loads((found.folder / "logs" / f"{sha256(ORIGIN.encode()).hexdigest()}.json").read_text())
    assert (kept["size"], kept["root"]) == (size, head(size, tree).root.hex())


def test_a_log_that_grows_is_signed_step_by_step(served):
    found, client = served
    before = 0
    for size in (0, 0, 1, 1, 2, 7, 8, 8, 31, 40):
        held(found, post(client, asking(before, size)), size)
        before = size


def test_a_sigsum_log_is_signed_as_litewitness_signs_it(served):
    found, client = served
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(SIGSUM_KEY))
    found.know(SIGSUM, checkpoint.vkey(SIGSUM, key), lambda _old, _new: False)
    assert post(client, FIRST).status_code == 200
    assert post(client, FIVE).status_code == 200
    late = post(client, THREE)
    assert (late.status_code, late.text, late.headers["content-type"]) == (409, "5\n", "text/x.tlog.size")
    assert found.logs[SIGSUM].root == "42bb57ad06420afa4882c4a63ac6a1ec77480b330b2f20dfc53a0caa5f564e36"


def test_the_last_checkpoint_is_there_for_monitors_with_both_signatures(served):
    found, client = served
    place = f"/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint"
    assert client.get(place).status_code == 404
    post(client, asking(0, 9))
    note = client.get(place).content
    assert checkpoint.read(note, {ORIGIN: LOG.public_key()}, "x") == head(9)
    assert found.name in cosignature.times(note, [Cosigner(found.name, found.key.public_key())], "x")
    assert found.vkey in client.get("/").text


WRONG = {
    "another log": (404, lambda: asking(9, 12).replace(ORIGIN.encode(), b"log.example/b")),
    "a stranger's signature": (403, lambda: asking(9, 12, key=STRANGER)),
    "a false signature": (403, lambda: asking(9, 12).replace(b"\n12\n", b"\n13\n")),
    "an older log than it says": (400, lambda: asking(9, 12).replace(b"old 9", b"old 13")),
    "from where it was not": (409, lambda: asking(5, 12)),
    "from nothing": (409, lambda: asking(0, 12)),
    "a log that shrank": (409, lambda: asking(5, 5)),
    "a fork of the same size": (409, lambda: asking(9, 9, FORK)),
    "a fork that grew": (422, lambda: asking(9, 12, FORK)),
    "a fork with the honest log's proof": (
        422,
        lambda: witness.write(
            Request(9, tuple(merkle.consistency_proof(9, 12, TREE.node)), checkpoint.sign(head(12, FORK), LOG))
        ),
    ),
    "a proof that lacks a hash": (
        422,
        lambda: witness.write(
            Request(9, tuple(merkle.consistency_proof(9, 12, TREE.node)[1:]), checkpoint.sign(head(12), LOG))
        ),
    ),
    "a proof for the same tree": (
        422,
        lambda: witness.write(Request(9, (bytes(32),), checkpoint.sign(head(9), LOG))),
    ),
    "no empty line": (400, lambda: b"old 9\n"),
    "no note": (400, lambda: b"old 9\n\n"),
    "an empty body": (400, lambda: b""),
    "no UTF-8": (400, lambda: b"old 9\n\n\xff\n9\n"),
    "a leading zero": (400, lambda: asking(9, 12).replace(b"old 9", b"old 09")),
    "a sign": (400, lambda: asking(9, 12).replace(b"old 9", b"old +9")),
    "no size": (400, lambda: asking(9, 12).replace(b"old 9", b"old ")),
    "a short hash": (400, lambda: asking(9, 12).replace(b"old 9\n", b"old 9\nAAAA\n")),
    "a hash with stray bits": (
        400,
        lambda: (
            b"old 9\n" + base64.b64encode(bytes(32)).replace(b"AAA=", b"AAB=") + b"\n\n" + checkpoint.sign(head(9), LOG)
        ),
    ),
    "64 hashes": (400, lambda: witness.write(Request(9, (bytes(32),) * 64, checkpoint.sign(head(12), LOG)))),
    "a text that is no checkpoint": (
        400,
        lambda: b"old 9\n\n" + checkpoint.sign_text(f"{ORIGIN}\nmany\n".encode(), LOG, ORIGIN),
    ),
    "too much": (413, lambda: asking(9, 12) + b"x" * (300 << 10)),
}


@pytest.mark.parametrize("case", WRONG)
def test_each_wrong_request_has_its_status_and_nothing_is_signed(served, case):
    found, client = served
    held(found, post(client, asking(0, 9)), 9)
    status, body = WRONG[case]
    answer = post(client, body())
    assert answer.status_code == status, answer.text
    assert "—" not in answer.text
    if status == 409:
        told = ("is another log of 9 entries than the one signed last\n", "text/plain; charset=utf-8")
        wanted = told if case == "a fork of the same size" else ("9\n", "text/x.tlog.size")
        assert (answer.text, answer.headers["content-type"]) == wanted
    held(found, post(client, asking(9, 9)), 9)  # what it knows is what it knew


@pytest.mark.parametrize(
    ("size", "root", "proof", "status"),
    [
        (0, EMPTY_ROOT, (), 200),
        (0, bytes(32), (), 409),
        (0, EMPTY_ROOT, (bytes(32),), 422),
        (1, leaf_hash(b"leaf"), (), 200),
        (1, leaf_hash(b"leaf"), (bytes(32),), 422),
    ],
)
def test_the_first_tree_of_a_log(served, size, root, proof, status):
    _, client = served
    text = f"{ORIGIN}\n{size}\n{base64.b64encode(root).decode()}\n".encode()
    body = witness.write(Request(0, proof, checkpoint.sign_text(text, LOG, ORIGIN)))
    assert post(client, body).status_code == status
    if status == 200:
        again = post(client, body if size == 0 else body.replace(b"old 0", b"old 1"))
        assert again.status_code == 200


def test_the_signatures_of_others_are_no_matter_and_extension_lines_are_signed_too(served):
    found, client = served
    text = checkpoint.body(head(3)) + b"an extension\n"
    note = checkpoint.sign_text(text, LOG, ORIGIN)
    note = checkpoint.sign_text(text, STRANGER, "stranger.example", checkpoint.split(note, "x")[1])
    answer = post(client, b"old 0\n\n" + note)
    assert answer.status_code == 200
    own = Cosigner(found.name, found.key.public_key())
    assert cosignature.times(note + answer.content, [own], "x")
    with pytest.raises(Exception, match="is false"):
        cosignature.times(note.replace(b"an ext", b"no ext") + answer.content, [own], "x")


def test_a_clock_that_is_set_back_dates_nothing_earlier(tmp_path):
    with opened(tmp_path / "state", "w") as found:
        found.know(ORIGIN, VKEY, lambda _old, _new: False)
        own = Cosigner("w", found.key.public_key())
        seen = []
        for now, (old, size) in zip((500, 300, 0, 700), ((0, 2), (2, 5), (5, 5), (5, 9)), strict=True):
            found.now = lambda now=now: float(now)
            line = found.cosign(asking(old, size))
            seen.append(cosignature.times(checkpoint.sign(head(size), LOG) + line, [own], "x")["w"])
        assert seen == [500, 500, 500, 700]


def test_what_was_signed_is_known_after_a_restart(tmp_path):
    with opened(tmp_path / "state", "w") as found:
        found.know(ORIGIN, VKEY, lambda _old, _new: False)
        vkey, _ = found.vkey, found.cosign(asking(0, 9))
    with opened(tmp_path / "state", None) as again:
        assert again.vkey == vkey
        assert again.logs[ORIGIN].head == witness.Head(9, head(9).root)
        with pytest.raises(witness.OtherSize):
            again.cosign(asking(0, 12, FORK))
        again.cosign(asking(9, 12))


def test_two_processes_never_hold_one_witness(tmp_path):
    with (
        opened(tmp_path / "state", "w"),
        pytest.raises(BadInput, match="runs already"),
        opened(tmp_path / "state", "w"),
    ):
        pass


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "{}",
        lambda text: "[" * 100_000,
        lambda text: text.replace('"size": 9', '"size": "9"'),
        lambda text: text.replace('"size": 9', '"size": -9'),
        lambda text: text.replace(ORIGIN, "log.example/b"),
        lambda text: text.replace('"root": "', '"root": "00'),
        lambda text: text.replace('"keys": [', '"keys": ["x",'),
    ],
)
def test_a_damaged_memory_stops_the_witness(tmp_path, damage):
    with opened(tmp_path / "state", "w") as found:
        found.know(ORIGIN, VKEY, lambda _old, _new: False)
        found.cosign(asking(0, 9))
    (path,) = (tmp_path / "state" / "logs").glob("*.json")
    path.write_text(damage(path.read_text()))
    with pytest.raises(BadInput, match="can't be read"), opened(tmp_path / "state", None):
        pass


def test_a_name_is_for_ever_and_a_lost_name_is_not_made_again(tmp_path):
    with pytest.raises(BadInput, match="needs a name"), opened(tmp_path / "state", None):
        pass
    with opened(tmp_path / "state", "w") as found:
        found.know(ORIGIN, VKEY, lambda _old, _new: False)
    with pytest.raises(BadInput, match="is called w"), opened(tmp_path / "state", "x"):
        pass
    (tmp_path / "state" / "witness.json").unlink()
    with pytest.raises(BadInput, match="its name is gone"), opened(tmp_path / "state", "w"):
        pass


def test_another_key_of_a_log_counts_only_where_the_log_announced_it(tmp_path):
    other = checkpoint.vkey(ORIGIN, STRANGER.public_key())
    with opened(tmp_path / "state", "w") as found:
        found.know(ORIGIN, VKEY, lambda _old, _new: False)
        found.cosign(asking(0, 9))
        with pytest.raises(LogInconsistent, match="did not announce"):
            found.know(ORIGIN, other, lambda _old, _new: False)
        found.know(ORIGIN, other, lambda old, new: (old, new) == (VKEY, other))
        with pytest.raises(BadInput):
            found.cosign(asking(9, 12))
        found.cosign(asking(9, 12, key=STRANGER))


def test_what_strangers_wrote_below_a_checkpoint_is_not_shown_by_the_witness(served):
    """Anybody can send a log's checkpoint with ninety-nine lines of their own: with the witness's it would be no note any more."""
    found, client = served
    note = checkpoint.sign(head(3), LOG)
    data = base64.b64encode(bytes(40)).decode()
    for number in range(99):
        note += f"— words.of.a.stranger/{number} {data}\n".encode()
    assert post(client, b"old 0\n\n" + note).status_code == 200
    shown = client.get(f"/{sha256(ORIGIN.encode()).hexdigest()}/checkpoint").content
    assert [name for name, _ in checkpoint.split(shown, "x")[1]] == [ORIGIN, found.name]
    assert cosignature.times(shown, [Cosigner(found.name, found.key.public_key())], "x")
