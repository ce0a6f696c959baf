"""A request for known hardware is answered by that hardware, as many as it asks for, and by nothing else."""

import pytest

from harness.errors import BadInput
from harness.registry.actions import requests
from harness.registry.actions.requests import Step
from harness.registry.intake.asked import answers, counted
from tests.support.registry_world import world

RTX = "GeForce RTX 4090"


@pytest.mark.parametrize(
    ("text", "count", "name"),
    [
        ("RTX 4090", 1, "RTX 4090"),
        ("2x RTX 4090", 2, "RTX 4090"),
        ("4 × A100 80GB", 4, "A100 80GB"),
        ("RTX 4090 ×8", 8, "RTX 4090"),
        ("RTX 4090 x2", 2, "RTX 4090"),
        ("Ryzen 9 7950X", 1, "Ryzen 9 7950X"),
        ("Radeon RX 7900 XTX", 1, "Radeon RX 7900 XTX"),
        ("2x", 1, "2x"),
        (" here ", 1, "here"),
    ],
)
def test_a_request_says_how_many_of_what(text, count, name):
    assert counted(text) == (count, name)


@pytest.mark.parametrize(
    ("asked", "sku", "answered"),
    [
        ("RTX 4090", f"{RTX} ×1", True),
        ("NVIDIA RTX 4090 24GB", f"{RTX} ×1", True),
        ("RTX 4090", f"{RTX} ×4", False),
        ("4x RTX 4090", f"{RTX} ×4", True),
        ("4x RTX 4090", f"{RTX} ×1", False),
        ("RTX 4090", "GeForce RTX 3090 ×1", False),
        ("RTX 4090", "AMD Ryzen 9 7950X, 16 cores, 64 GiB", False),  # the processor took over
        ("RTX 4090", f"{RTX} ×1 (20 of 33 layers) + AMD Ryzen 9 7950X, 16 cores, 64 GiB", False),
        ("RTX 4090", f"{RTX} ×1, GeForce RTX 3090 ×1", False),
        ("RTX 4090", "unlisted Card of nobody's ×1", None),
        ("workstation 7", f"{RTX} ×1", None),
        ("Ryzen 9 7950X", "AMD Ryzen 9 7950X, 16 cores, 64 GiB", None),
    ],
)
def test_what_answers_it_is_the_part_and_the_number(asked, sku, answered):
    assert answers(asked, sku) is answered


@pytest.mark.parametrize(
    ("sku", "hardware", "taken"),
    [
        (RTX, "RTX 4090", True),
        (RTX, "2x RTX 4090", False),
        ("GeForce RTX 3090", "RTX 4090", False),
        (RTX, "whatever ann has", True),  # an editor reads what was asked
    ],
)
def test_a_registry_takes_no_record_of_other_hardware_for_a_request(tmp_path, sku, hardware, taken):
    made = world(str(tmp_path / "registry"), demonstration=True)
    made.join("ann")
    request = requests.open_request(made.registry, made.actor("ann"), model="m", hardware=hardware, runtime="r").request
    requests.step(made.registry, made.editor(), Step.ACCEPT, request, reason="useful to know")
    bring = lambda: made.submit(made.record("ann", sku=sku), request=request)  # noqa: E731
    if taken:
        bring()
    else:
        with pytest.raises(BadInput, match=r"the request asks for .*, and the record is of GeForce"):
            bring()
