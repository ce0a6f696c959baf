"""A request is answered by the hardware that it asks for: that device, that number of them, and no processor in its place."""

import os

import pytest

from harness.agent import conditions, jobs
from harness.agent.jobs import Device
from harness.agent.policy import Policy
from harness.agent.work import Result
from harness.catalog import models
from harness.demo.records import Setup, person, sealed
from harness.record import schema, store
from harness.registry.actions import leases
from tests.support.program import written

RTX = "NVIDIA GeForce RTX 4090"
OWN = Policy(models=["m"], runtimes=["llama.cpp"], hardware=["my box"])


def job(hardware):
    row = {"model": "m", "runtime": "llama.cpp", "suite": "default"}
    return jobs.read({"request": "a" * 64, "row": row, "hardware": hardware, "policy_sha256": "b" * 64})


@pytest.fixture
def record(tmp_path):
    """A record by these GPUs, each as an engine lists it; with none, by the processor of a machine that has a GPU."""
    plain = store.read(written(tmp_path / "made", *sealed(person("ann"), Setup(sku=RTX)))).record

    def made(*gpus, processor="AMD Ryzen 9 7950X", on=None, cards=(RTX,)):
        devices = [
            schema.Device(name=f"CUDA{n}", kind="gpu", description=one, memory_bytes=None) for n, one in enumerate(gpus)
        ]
        if not gpus or (on and "cpu" in on):
            devices.append(schema.Device(name="CPU", kind="cpu", description=processor, memory_bytes=None))
        settings = {"computed_on": on or ("gpu" if gpus else "cpu"), "layers_on": "", "kv_cache_on": ""}
        runtime = plain.runtime.model_copy(update={"devices": tuple(devices), "settings": settings})
        gpu = {"nvidia": {"value": [{"name": {"value": one}} for one in cards]}} if cards else {}
        environment = plain.environment | {"cpu": {"model": {"value": processor}}, "gpu": gpu}
        return plain.model_copy(update={"runtime": runtime, "environment": environment})

    return made


def test_the_device_that_was_asked_for_answers(record):
    for hardware in ("RTX 4090", "nvidia geforce rtx 4090", "my box"):
        assert jobs.elsewhere(job(hardware), OWN, record(RTX)) == ""
    assert jobs.elsewhere(job("2x RTX 4090"), OWN, record(RTX, RTX)) == ""
    assert jobs.elsewhere(job("AMD Ryzen 9 7950X"), OWN, record(cards=())) == ""


@pytest.mark.parametrize(
    ("hardware", "gpus", "more"),
    [
        ("RTX 4090", [RTX] * 4, {}),
        ("4x RTX 4090", [RTX], {}),
        ("RTX 4090", ["NVIDIA GeForce RTX 3090"], {}),
        ("RTX 4090", [RTX, "NVIDIA GeForce RTX 3090"], {}),
        ("RTX 4090", [], {}),
        ("RTX 4090", [RTX], {"on": "cpu, gpu"}),
        ("my box", [], {}),  # its GPU was left alone
        ("AMD Ryzen 9 7950X", [RTX], {}),
        ("AMD Ryzen 9 7950X", [], {"processor": "Intel Core i9"}),
        ("something else", [RTX], {}),
    ],
)
def test_another_device_another_number_or_a_processor_in_its_place_does_not(record, hardware, gpus, more):
    why = jobs.elsewhere(job(hardware), OWN, record(*gpus, **more))
    assert why.startswith("it was computed on ")
    assert hardware in why
    assert len(why.splitlines()) == 1


def test_a_device_of_no_table_is_known_by_its_name(record):
    strange = "Card 9000 of nobody's"
    assert jobs.elsewhere(job(strange), OWN, record(strange)) == ""
    assert jobs.elsewhere(job(strange), OWN, record(strange, strange))
    assert jobs.elsewhere(job(strange), OWN, record("Card 9001 of nobody's"))


def test_more_devices_than_there_are_are_not_promised():
    here = (Device(RTX), Device(RTX))
    assert jobs.unfit(job("2x RTX 4090"), OWN, here, frozenset(["b" * 64])) == ""
    assert "has 2" in jobs.unfit(job("4x RTX 4090"), OWN, here, frozenset(["b" * 64]))


def test_unlike_devices_are_not_counted_together():
    here = (Device(RTX), Device("NVIDIA GeForce RTX 3090"))
    assert "has 1" in jobs.unfit(job("2x RTX 4090"), OWN, here, frozenset(["b" * 64]))
    processor = (Device("Intel(R) Core(TM) Ultra 7 155H"), Device("Intel(R) Arc(TM) Graphics (MTL)"))
    for hardware in ("Intel Core Ultra 7 155H", "Arc Graphics (Meteor Lake)"):
        assert jobs.unfit(job(hardware), OWN, processor, frozenset(["b" * 64])) == ""
    assert "has 1" in jobs.unfit(job("2x Intel Core Ultra 7 155H"), OWN, processor, frozenset(["b" * 64]))


def test_a_processor_with_graphics_in_it_takes_no_card_s_place(record):
    """Its owner's own name means the machine: what the processor computed answers it, where there is no card."""
    intel = {
        "gpu": {"intel": {"value": [{"name": {"value": "Intel(R) UHD Graphics 770"}, "integrated": {"value": True}}]}}
    }
    made = record(cards=())
    assert jobs.elsewhere(job("my box"), OWN, made.model_copy(update={"environment": made.environment | intel})) == ""
    intel["gpu"]["intel"]["value"][0]["integrated"]["value"] = False
    assert jobs.elsewhere(job("my box"), OWN, made.model_copy(update={"environment": made.environment | intel}))


def test_another_file_under_a_name_of_the_catalogue_answers_no_request_for_it(record):
    name = "gemma-3-270m-q4_k_m"
    asked = jobs.read(
        {**job("my box").model_dump(), "row": {"model": name, "runtime": "llama.cpp", "suite": "default"}}
    )
    own = OWN.model_copy(update={"models": [name, "mine"], "files": {name: "/data/x.gguf", "mine": "/data/x.gguf"}})
    made = record(RTX)
    assert jobs.other_model(asked, own, made) == f"/data/x.gguf is another model than {name}"
    true = made.model_copy(update={"model": made.model | {"sha256": models.load(name).files[0].sha256}})
    assert jobs.other_model(asked, own, true) == ""
    assert (
        jobs.other_model(asked, OWN.model_copy(update={"models": [name]}), made) == ""
    )  # it was fetched by its digest
    private = asked.model_copy(update={"row": asked.row.model_copy(update={"model": "mine"})})
    assert jobs.other_model(private, own, made) == ""  # what that name means, its owner knows


def test_of_four_alike_an_engine_is_shown_as_many_as_are_asked_for(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with conditions.shown([Device(RTX)] * 4, 1):
        assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    for here in ([Device(RTX)], [Device(RTX), Device("other")]):
        with conditions.shown(here, 1):
            assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_a_record_of_other_hardware_is_kept_and_not_sent_and_the_lease_is_given_back(scene, monkeypatch):
    """The machine has the device, and the run went to another: `prepared` leaves a record of "Synthetic GPU A"."""
    monkeypatch.setattr(conditions, "devices", lambda _: (Device(RTX),))
    request = scene.ask(hardware="RTX 4090")
    assert scene.turn().result is Result.FAILED
    assert scene.queue() == {}
    assert any("the request asks for 'RTX 4090'" in line for line in scene.said)
    assert store.below(scene.agent.state.results(request))
    leases.take(scene.world.registry, "ann", request, "a" * 64, 600)  # it was given back
