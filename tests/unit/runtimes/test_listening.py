"""Who listens on a port: the very address before the wildcard, and only with the model's own file open."""

import pytest

from runtimes.support.listening import holds, processes_at

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"


class Proc:
    """A /proc of two tables and some processes."""

    def __init__(self, root):
        self.root = root
        (root / "net").mkdir()
        self.lines = {"tcp": [HEAD], "tcp6": [HEAD]}

    def listen(self, pid, address, port, inode, table="tcp", state="0A"):
        self.lines[table].append(f"   0: {address}:{port:04X} 00000000:0000 {state} 0:0 00:0 0 0 0 {inode} 1 0")
        (self.root / "net" / table).write_text("\n".join(self.lines[table]) + "\n")
        folder = self.root / str(pid)
        (folder / "fd").mkdir(parents=True, exist_ok=True)
        (folder / "fd" / str(len(list((folder / "fd").iterdir())))).symlink_to(f"socket:[{inode}]")
        (folder / "stat").write_text(f"{pid} (a name) S 1 0")
        (folder / "maps").write_text("")
        return folder


@pytest.fixture
def proc(tmp_path):
    root = tmp_path / "proc"
    root.mkdir()
    return Proc(root)


def test_the_very_address_goes_before_the_wildcard(proc):
    proc.listen(10, "0100007F", 8080, 111)  # 127.0.0.1
    proc.listen(11, "00000000", 8080, 112)
    proc.listen(12, "0200A8C0", 8080, 113)  # 192.168.0.2
    assert processes_at("127.0.0.1", 8080, proc.root) == [10]
    assert processes_at("192.168.0.2", 8080, proc.root) == [12]
    assert processes_at("10.0.0.1", 8080, proc.root) == [11]
    assert processes_at("127.0.0.1", 8081, proc.root) == []


def test_what_does_not_listen_does_not_count(proc):
    proc.listen(10, "0100007F", 8080, 111, state="01")
    assert processes_at("127.0.0.1", 8080, proc.root) == []


def test_the_newer_protocol_is_read_too(proc):
    proc.listen(10, "00000000000000000000000000000000", 8080, 111, table="tcp6")
    proc.listen(11, "00000000000000000000000001000000", 8081, 112, table="tcp6")
    assert processes_at("127.0.0.1", 8080, proc.root) == [10]
    assert processes_at("::1", 8081, proc.root) == [11]


def test_a_child_may_hold_the_model(proc, tmp_path):
    model = tmp_path / "model file.gguf"
    model.write_bytes(b"x")
    parent = proc.listen(10, "0100007F", 8080, 111)
    assert not holds(10, model, proc.root)
    child = proc.listen(20, "0100007F", 9999, 222)
    (child / "stat").write_text("20 (odd ) name) S 10 0")
    (child / "maps").write_text(f"7f00-7f01 r--p 00000000 fe:00 12345 {model.resolve()}\n")
    assert holds(10, model, proc.root)
    (child / "maps").write_text(f"7f00-7f01 r--p 00000000 fe:00 12345 {model.resolve()}.other\n")
    assert not holds(10, model, proc.root)
    (parent / "fd" / "9").symlink_to(model.resolve())
    assert holds(10, model, proc.root)
