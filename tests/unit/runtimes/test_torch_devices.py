"""What torch tells of its devices' identity, in the order in which they are used."""

from types import SimpleNamespace

import pytest

from runtimes.support.torch_devices import device_ids, device_places

FIRST, SECOND = "8932f937-d72c-4106-c12f-20bd9faed9f6", "41b3359c-e721-56e5-8009-12e5797ed514"


def torch(*devices):
    return SimpleNamespace(cuda=SimpleNamespace(get_device_properties=lambda index: SimpleNamespace(**devices[index])))


def test_ids_and_places_come_in_the_order_of_use():
    here = torch(
        {"uuid": FIRST, "pci_domain_id": 0, "pci_bus_id": 0xC1, "pci_device_id": 0},
        {"uuid": f"GPU-{SECOND}", "pci_domain_id": 15, "pci_bus_id": 1, "pci_device_id": 0},
    )
    assert device_ids(here, [1, 0]) == (f"GPU-{SECOND}", f"GPU-{FIRST}")
    assert device_places(here, [1, 0]) == ("000f:01:00.0", "0000:c1:00.0")


@pytest.mark.parametrize("other", [{}, {"uuid": None}, {"uuid": ""}])
def test_an_id_that_is_not_told_leaves_none_rather_than_the_others_in_its_place(other):
    assert device_ids(torch({"uuid": FIRST}, other), [0, 1]) == ()


@pytest.mark.parametrize("told", [{}, {"pci_bus_id": 3}, {"pci_domain_id": 0, "pci_bus_id": "c1", "pci_device_id": 0}])
def test_a_place_that_is_not_told_whole_is_none(told):
    assert device_places(torch({"pci_domain_id": 0, "pci_bus_id": 1, "pci_device_id": 0}, told), [0, 1]) == (
        "0000:01:00.0",
        "",
    )


def test_an_id_that_says_that_it_is_a_slices_stays_so():
    assert device_ids(torch({"uuid": f"MIG-{SECOND}"}), [0]) == (f"MIG-{SECOND}",)
