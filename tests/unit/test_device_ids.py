"""One spelling for a PCI place, whatever its domain's width, and what counts as a card's own id."""

import pytest

from harness.device_ids import is_slice, is_uuid, names_a_device, pci, pci_of


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ("0000:c1:00.0", "0000:c1:00.0"),
        ("00000000:C1:00.0", "0000:c1:00.0"),
        ("0000000F:01:00.0", "000f:01:00.0"),
        ("000f:01:00.0", "000f:01:00.0"),
        ("10000:e1:00.0", "10000:e1:00.0"),
        ("00010000:E1:00.0", "10000:e1:00.0"),
        ("c1:00.0", "0000:c1:00.0"),
        (" 0000:0B:00 ", "0000:0b:00.0"),
    ],
)
def test_one_place_has_one_spelling(told, place):
    assert pci(told) == place


@pytest.mark.parametrize("text", ["", "0", "CUDA0", "0000:c1:00.8", "0000:c1:20.0", "GPU-8932f937", "c1", "g1:00.0"])
def test_what_is_not_a_place_is_none(text):
    assert pci(text) is None


def test_a_place_is_made_of_the_numbers_that_torch_tells():
    assert pci_of(0, 0xC1, 0) == "0000:c1:00.0"
    assert pci_of(0xF, 1, 0) == "000f:01:00.0"


@pytest.mark.parametrize(
    ("text", "uuid", "slice_"),
    [
        ("GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", True, False),
        ("GPU-8932f937", True, False),
        ("GPU-8932", True, False),
        ("MIG-90443af0-2fe6-57fb-86fe-54186d5a6581", True, True),
        ("MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/0", True, True),
        ("CUDA0", False, False),
        ("0", False, False),
        ("NoDevFiles", False, False),
    ],
)
def test_ids_of_cards_and_of_slices_are_told_from_names(text, uuid, slice_):
    assert (is_uuid(text), is_slice(text)) == (uuid, slice_)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("GPU-8932f937", True),
        ("CUDA0,MIG-90443af0-2fe6-57fb-86fe-54186d5a6581", True),
        ("0000:c1:00.0", True),
        ("00000000:C1:00.0,CUDA1", True),
        ("c1:00.0", True),
        ("CUDA0,CUDA1", False),
        ("0,1", False),
        ("12:30:00", False),
        ("GPU-0", False),
    ],
)
def test_an_id_or_a_place_in_a_text_is_seen(text, named):
    assert names_a_device(text) is named
