"""`repro device` as a user runs it."""

import json

import pytest

from tests.e2e.conftest import refused


def test_list_prints_every_part_and_json_holds_the_same(repro):
    text = repro("device", "list").stdout
    parts = json.loads(repro("device", "list", "--json").stdout)
    assert len(text.splitlines()) == len(parts) >= 450
    assert all(part["source"] and part["generation"] for part in parts)


def test_list_filters_by_vendor_and_kind(repro):
    parts = json.loads(repro("device", "list", "--vendor", "amd", "--kind", "server", "--json").stdout)
    assert {(part["vendor"], part["kind"]) for part in parts} == {("AMD", "server")}
    platforms = json.loads(repro("device", "list", "--kind", "processor", "--json").stdout)
    assert {"EPYC 7003 (Milan)", "Xeon 6900P", "Raspberry Pi 5 and CM5"} <= {one["platform"] for one in platforms}


def test_show_says_all_that_the_table_has(repro):
    text = repro("device", "show", "AMD Radeon RX 7900 XTX (RADV NAVI31)").stdout
    for words in ("Radeon RX 7900 XTX", "RDNA 3", "24 GiB", "960 GB/s", "int8", "AMD Radeon RX 7000 Series"):
        assert words in text


def test_show_of_a_shared_name_shows_all_and_memory_chooses(repro):
    both = repro("device", "show", "NVIDIA GeForce RTX 3060")
    assert "GeForce RTX 3060 8 GB" in both.stdout
    assert "GeForce RTX 3060 12 GB" in both.stdout
    assert "2 parts share this name" in both.stderr
    [one] = json.loads(repro("device", "show", "NVIDIA GeForce RTX 3060", "--memory", "8", "--json").stdout)
    assert (one["sku"], one["bandwidth_bytes_per_s"]) == ("GeForce RTX 3060 8 GB", 240_000_000_000)


def test_show_of_a_mac_is_told_by_the_memory_of_the_machine(repro):
    both = repro("device", "show", "Apple M4 Max")
    assert "410 GB/s" in both.stdout
    assert "546 GB/s" in both.stdout
    assert "the machine's memory size tells them apart" in both.stderr
    [one] = json.loads(repro("device", "show", "Apple M4 Max", "--memory", "36", "--json").stdout)
    assert (one["sku"], one["bandwidth_bytes_per_s"]) == ("Apple M4 Max 32-core GPU", 410_000_000_000)


def test_show_says_unknown_where_no_document_has_a_figure(repro):
    assert "bandwidth    unknown" in repro("device", "show", "Adreno (TM) 830").stdout
    assert "unknown" in repro("device", "show", "AMD EPYC 9V74 80-Core Processor").stdout


def test_show_of_a_processor_is_its_platform(repro):
    assert "8 × 64 bits DDR4-3200" in repro("device", "show", "AMD EPYC 7763 64-Core Processor").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "GeForce RTX 4095"], "the nearest are: GeForce RTX 4090"),
        (["show", "NVIDIA GeForce RTX 4090", "--memory", "48"], "no part of this name has 48 GiB"),
        (["show", "Apple M4 Max", "--memory", "27"], "no part of this name has 27 GiB"),
        (["show", ""], "no part of this name"),
        (["show", "xyzzy\n[bold]"], "repro device list"),
        (["list", "--vendor", "3dfx"], "use one of AMD"),
        (["list", "--kind", "processor", "--vendor", "AMD"], "by platform"),
        (["list", "--kind", "cloud"], "cloud"),
        (["show", "RTX 4090", "--memory", "-1"], "--memory"),
    ],
)
def test_bad_input_is_one_line(repro, arguments, words):
    found = repro("device", *arguments)
    assert words in refused(found)
    assert len(found.stderr.strip().splitlines()) == 1
    assert found.stdout == ""
