"""What `CUDA_VISIBLE_DEVICES` leaves an engine: by number, by id, by slice; and what nobody can tell from it."""

import pytest

from harness.capture.visible_devices import Card, Slice, cuda, hides_all

# The ids of NVIDIA's own mock profile of an HGX H100 and of a T4 server.
A, B, C = (f"GPU-01000100-0000-0000-0000-00000000000{n}" for n in range(3))
CARDS = (Card(A, "0000:1a:00.0"), Card(B, "0000:1b:00.0"), Card(C, "0000:4a:00.0"))
T4 = "GPU-00000074-0000-0000-0000-000000000000"
SLICES = (
    Slice("MIG-90443af0-2fe6-57fb-86fe-54186d5a6581", 1, 0),
    Slice("MIG-41b3359c-e721-56e5-8009-12e5797ed514", 2, 0),
)
CUT = Card(A, "0000:1a:00.0", True, SLICES)
BY_PLACE = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("0", (A,)),
        ("2,0", (C, A)),
        ("1, 2", (B, C)),
        ("1,-1,2", (B,)),
        ("1,,2", (B,)),
        ("0,7,1", (A,)),
        ("7", ()),
        ("0,0", ()),
        ("1,01", ()),
        ("1card,2", (B, C)),
        ("0,GPU-01000100-0000-0000-0000-000000000002", (A,)),
        ("", ()),
        ("-1", ()),
        ("NoDevFiles", ()),
        ("none", ()),
        (B, (B,)),
        (B.lower(), (B,)),
        (f"{C},{A}", (C, A)),
        (f"{C},{C}", ()),
        (f"{A},GPU-nobody,{C}", (A,)),
        ("GPU-01000100", ()),  # the beginning of three
        (f"{A},1", (A,)),
    ],
)
def test_the_entries_before_the_first_that_is_not_valid_count(text, ids):
    assert cuda({"CUDA_VISIBLE_DEVICES": text} | BY_PLACE, CARDS).ids == ids


def test_an_abbreviated_id_is_taken_where_it_means_one_card():
    cards = (*CARDS, Card(T4, "0000:3b:00.0"))
    assert cuda({"CUDA_VISIBLE_DEVICES": "GPU-00000074"}, cards).ids == (T4,)


def test_numbers_in_cudas_own_order_are_not_those_of_the_library():
    found = cuda({"CUDA_VISIBLE_DEVICES": "0"}, CARDS)
    assert found.ids is None
    assert "CUDA_DEVICE_ORDER=PCI_BUS_ID" in found.reason
    assert cuda({"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, CARDS).ids is None


def test_where_all_are_named_they_are_known_and_their_order_is_not():
    found = cuda({"CUDA_VISIBLE_DEVICES": "2,1,0"}, CARDS)
    assert (set(found.ids), found.ordered) == ({A, B, C}, False)
    assert cuda({"CUDA_VISIBLE_DEVICES": "0"}, CARDS[:1]).ids == (A,)
    unset = cuda({}, CARDS)
    assert (unset.ids, unset.ordered) == ((A, B, C), False)
    assert cuda(BY_PLACE, CARDS).ordered


@pytest.mark.parametrize("text", [SLICES[1].uuid, "MIG-41b3359c", f"MIG-{A}/2/0", f"{SLICES[1].uuid},{SLICES[0].uuid}"])
def test_a_slice_is_named_by_its_id_its_beginning_or_the_old_spelling_and_one_is_seen(text):
    assert cuda({"CUDA_VISIBLE_DEVICES": text}, (CUT,)).ids == (SLICES[1].uuid,)


def test_a_slice_that_is_not_there_hides_all():
    assert cuda({"CUDA_VISIBLE_DEVICES": "MIG-ffffffff"}, (CUT,)).ids == ()
    assert cuda({"CUDA_VISIBLE_DEVICES": f"MIG-{A}/9/0"}, (CUT,)).ids == ()


@pytest.mark.parametrize("text", [None, "0", A])
def test_which_slice_a_cards_name_means_only_a_single_one_tells(text):
    environment = BY_PLACE if text is None else BY_PLACE | {"CUDA_VISIBLE_DEVICES": text}
    assert cuda(environment, (CUT,)).ids is None
    one = Card(A, "0000:1a:00.0", True, SLICES[:1])
    assert cuda(environment, (one,)).ids == (SLICES[0].uuid,)
    if text is None:
        assert cuda(environment, (one, CARDS[1])).ids is None


@pytest.mark.parametrize(
    ("text", "count", "hidden"),
    [("", None, True), ("-1", None, True), ("NoDevFiles", None, True), ("void", 2, True), ("3", 2, True), ("3", None, False),
     ("1", 2, False), ("GPU-8932f937", 2, False), ("MIG-8932f937", 1, False), ("0,0", 2, True), ("-1,0", 2, True)],
)  # fmt: skip
def test_a_value_that_leaves_nothing_hides_the_gpus(text, count, hidden):
    assert hides_all(text, count) is hidden
