"""The kernel's counters of a worker."""

from harness.worker import counters


def test_throttling_is_read_from_the_nearest_group_that_counts_it(tmp_path):
    group = tmp_path / "user.slice" / "job"
    group.mkdir(parents=True)
    (tmp_path / "user.slice" / "cpu.stat").write_text("usage_usec 5\nthrottled_usec 7\n")
    assert counters._cpu_stat("0::/user.slice/job\n", tmp_path) == tmp_path / "user.slice" / "cpu.stat"
    (group / "cpu.stat").write_text("throttled_usec 9\n")
    assert counters._cpu_stat("0::/user.slice/job\n", tmp_path) == group / "cpu.stat"


def test_version_1_keeps_its_own_tree(tmp_path):
    group = tmp_path / "cpu,cpuacct" / "job"
    group.mkdir(parents=True)
    (group / "cpu.stat").write_text("nr_throttled 1\nthrottled_time 9\n")
    text = "5:memory:/job\n4:cpu,cpuacct:/job\n"
    assert counters._cpu_stat(text, tmp_path) == group / "cpu.stat"


def test_where_nothing_counts_there_is_no_number(tmp_path, monkeypatch):
    (tmp_path / "cpu.stat").write_text("usage_usec 5\n")
    assert counters._cpu_stat("0::/\n", tmp_path) is None
    monkeypatch.setattr(counters, "_STAT", None)
    assert "cpu_throttled_ns" not in counters.read()


def test_a_difference_is_what_was_added():
    before = counters.read()
    bytearray(1 << 24)
    after = counters.read()
    added = counters.difference(before, after)
    assert set(added) == set(before)
    assert added["cpu_ns"] >= 0
    assert counters.peak_rss_bytes() > 1 << 20
