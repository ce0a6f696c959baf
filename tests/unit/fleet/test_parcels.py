"""A job's output holds its record whole or not at all, and nothing in it lands anywhere else."""

import base64
import json
import shutil
import zlib
from hashlib import sha256

import pytest

from harness.catalog.machines import Machine
from harness.catalog.triples import Triple
from harness.errors import RecordInvalid
from harness.fleet import parcel
from harness.fleet import state as states
from harness.fleet.outcome import Ending, Outcome
from harness.fleet.plan import Job, Plan

NAME = "20260101T000000Z_a_record"


def fleet(folder):
    folder.mkdir()
    jobs = tuple(
        Job(number=n, machine="all", node="n1", repeat=0, triple=Triple(model="m", runtime="r")) for n in range(2)
    )
    plan = Plan(
        id="x",
        matrix="m",
        title="m",
        sha256="0" * 64,
        executor="srun",
        seed=0,
        machines=(Machine(name="all"),),
        jobs=jobs,
    )
    return states.create(folder, plan)


@pytest.fixture
def node(tmp_path, simulated_record):
    made = fleet(tmp_path / "node")
    shutil.copytree(simulated_record.parent, made.results(0) / NAME)
    made.conclude(Outcome(number=0, node="n1", ending=Ending.MEASURED, record=NAME, started_utc="", job_s=1.0))
    return made


@pytest.fixture
def home(tmp_path):
    return fleet(tmp_path / "home")


def everything(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_parcel_brings_the_record_and_then_the_outcome(node, home):
    noise = b"motd: welcome\r\n"
    data = noise + parcel.packed(node, node.plan.jobs[:1]) + noise
    assert parcel.take(home, home.plan.jobs[:1], data, "output")
    assert everything(home.results(0)) == everything(node.results(0))
    assert home.outcome(0) == node.outcome(0)
    before = everything(home.folder)
    assert parcel.take(home, home.plan.jobs[:1], data + data, "output")  # again changes nothing
    assert everything(home.folder) == before


def test_a_parcel_that_lacks_anything_is_none(node, home):
    data = parcel.packed(node, node.plan.jobs[:1])
    before = everything(home.folder)
    for cut in (0, 1, 80, len(data) // 2, len(data) - 30, len(data) - 4):
        assert not parcel.take(home, home.plan.jobs[:1], data[:cut], "output")
    middle = len(data) // 2
    flipped = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
    assert not parcel.take(home, home.plan.jobs[:1], flipped, "output")
    assert everything(home.folder) == before


def framed(body):
    text = base64.encodebytes(zlib.compress(body))
    head = f"-----BEGIN REPRO PARCEL {sha256(body).hexdigest()} {len(body)}-----\n".encode()
    return head + text + b"-----END REPRO PARCEL-----\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["outcomes"][0].update(record="../../x"),
        lambda body: body["outcomes"][0].update(record="/etc"),
        lambda body: body["outcomes"][0].update(record="another"),
        lambda body: body["outcomes"][0].update(number=1),
        lambda body: body["outcomes"][0].update(node="n2"),
        lambda body: body["outcomes"][0].update(command="id"),
        lambda body: body.update(outcomes=[]),
        lambda body: body["files"].clear(),
        lambda body: body["files"].update({f"0/{NAME}/record.json": "not base64"}),
        lambda body: body["files"].update({f"0/{NAME}/record.json": "größe"}),
    ],
)
def test_a_parcel_of_other_things_is_refused_and_leaves_nothing(node, home, tmp_path, change):
    body = json.loads(parcel.opened(parcel.packed(node, node.plan.jobs[:1]), "x").model_dump_json())
    change(body)
    with pytest.raises(RecordInvalid) as told:
        parcel.take(home, home.plan.jobs[:1], framed(json.dumps(body).encode()), "output")
    assert "\n" not in str(told.value)
    assert home.outcome(0) is None
    assert not [path for path in home.results(0).rglob("*") if path.is_file()]


def test_files_that_are_none_of_a_records_are_left(node, home):
    body = json.loads(parcel.opened(parcel.packed(node, node.plan.jobs[:1]), "x").model_dump_json())
    body["files"][f"0/{NAME}/../../../evil"] = body["files"][f"0/{NAME}/evil.sh"] = base64.b64encode(b"x").decode()
    assert parcel.take(home, home.plan.jobs[:1], framed(json.dumps(body).encode()), "output")
    assert not list(home.folder.parent.rglob("*evil*"))


def test_a_bomb_that_tells_its_size_is_not_unpacked(home, monkeypatch):
    body = b"0" * (1 << 20)
    monkeypatch.setattr(parcel, "MOST", len(body) - 1)
    monkeypatch.setattr(parcel.zlib, "decompressobj", lambda: pytest.fail("it was unpacked"))
    assert not parcel.take(home, home.plan.jobs[:1], framed(body), "output")


def test_a_bomb_is_no_parcel(home):
    body = b"0" * (1 << 20)
    data = framed(body).replace(str(len(body)).encode(), b"1000")
    assert not parcel.take(home, home.plan.jobs[:1], data, "output")
