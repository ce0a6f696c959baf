"""A witness that is killed at random, in front of a log that shows it two histories: it never signs both, and never a shrunk log."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.tlog import checkpoint, cosignature, merkle, witness
from harness.tlog.checkpoint import Checkpoint
from harness.tlog.merkle import Tree, leaf_hash
from harness.tlog.witness import Request
from tests.support.patience import PATIENCE_S
from tests.support.warm import Warm

KILLS = int(os.environ.get("REPRO_KILLS", "25")) // 4  # benchmarks/reliability.py asks for more
ORIGIN = "log.example/a"
LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VKEY = checkpoint.vkey(ORIGIN, LOG.public_key())
SIZES = 5000
COMMON = [leaf_hash(number.to_bytes(4, "big")) for number in range(SIZES)]
TREES = (Tree(COMMON), Tree([*COMMON[:20], leaf_hash(b"fork"), *COMMON[21:]]))  # one history up to entry 20


class Process:
    """On a port that it keeps when it is started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, "0"
        self.start()

    def start(self) -> None:
        self.running = Warm("tests.support.witness_process", self.folder, self.port, ORIGIN, VKEY)
        self.address, vkey = self.running.stdout.readline().split()
        self.witness = cosignature.parse_vkey(vkey, "x")
        self.port = self.address.rstrip("/").rpartition(":")[2]

    def kill(self) -> None:
        self.running.kill()


def asking(old: int, size: int, which: int) -> tuple[bytes, bytes]:
    tree = TREES[which]
    note = checkpoint.sign(Checkpoint(ORIGIN, size, merkle.root(size, tree.node)), LOG)
    return witness.write(Request(old, tuple(merkle.consistency_proof(old, size, tree.node)), note)), note


def test_killed_at_random_it_never_signs_two_histories_or_a_shrunk_log(tmp_path):
    process = Process(tmp_path / "state")
    signed: list[tuple[int, int, int]] = []  # size, which history, when by the witness's clock
    lock, stop = threading.Lock(), threading.Event()
    deadline = time.monotonic() + PATIENCE_S

    def client(which: int) -> None:
        chosen, known = random.Random(which), 0
        with httpx2.Client(timeout=10) as http:
            while not stop.is_set() and time.monotonic() < deadline and known < SIZES - 10:
                body, note = asking(known, known + chosen.randrange(0, 4), which)
                try:
                    answer = http.post(f"{process.address}add-checkpoint", content=body)
                except httpx2.TransportError:
                    time.sleep(0.02)
                    continue
                if answer.status_code == 409 and answer.text.strip().isdigit():
                    known = int(answer.text)
                    continue
                if answer.status_code in (409, 422):  # the other history is signed
                    known = 0
                    continue
                assert answer.status_code == 200, answer.text
                size = checkpoint.parse(checkpoint.split(note, "x")[0], "x").size
                at_s = cosignature.times(note + answer.content, [process.witness], "x")[process.witness.name]
                with lock:
                    signed.append((size, which, at_s))
                known = size

    threads = [threading.Thread(target=client, args=(which,)) for which in (0, 1)]
    for one in threads:
        one.start()
    chosen = random.Random(5)
    for _ in range(max(KILLS, 3)):
        time.sleep(chosen.uniform(0.05, 0.6))
        process.kill()
        process.start()
    time.sleep(0.5)
    stop.set()
    for one in threads:
        one.join(PATIENCE_S)
    process.kill()
    assert max(size for size, _, _ in signed) > 20
    assert len({which for size, which, _ in signed if size > 20}) == 1  # 20 entries are the same in both
    by_time = sorted(signed, key=lambda one: (one[2], one[0]))
    assert [size for size, _, _ in by_time] == sorted(size for size, _, _ in signed)
