"""A server of our own: started, waited for, stopped; and gone when we are, whenever and however that is."""

import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import BadInput, RunFailed
from runtimes.interface import FailureSign
from runtimes.support import keeper, listening
from runtimes.support.managed_server import HOST, ManagedServer, free_port
from tests.support.patience import PATIENCE_S, until

ROOT = Path(__file__).parents[3]
# A server in a few lines, with a child of its own: PORT, seconds until it answers, and what it does then.
SERVER = """
import http.server, os, subprocess, sys, time
port, delay, then = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "child-of-" + str(port)])
print("loading", flush=True)
time.sleep(delay)
if then == "dies":
    print("error: it is no model\\nexiting due to that", flush=True)
    sys.exit(3)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if then == "never" else 200)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
OWNER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from tests.unit.runtimes.test_managed_server import started
print("starting", flush=True)
server = started(float(sys.argv[2]), port=int(sys.argv[3]))
print("ready", flush=True)
time.sleep(600)
"""


def started(delay=0.0, then="serves", port=None, wait_s=30, **more):
    return ManagedServer(
        "the server",
        lambda number: [sys.executable, "-c", SERVER, str(number), str(delay), then],
        port=port,
        wait_s=wait_s,
        **more,
    )


def of_port(port):
    """The processes that have the port among their arguments: the server, its keeper and its child."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if (SERVER in words and str(port) in words) or f"child-of-{port}" in words:
            found.append(int(folder.name))
    return found


def wait_until_gone(port):
    """All of them."""
    until(lambda: not of_port(port), f"none of {port} is left")


def test_it_is_started_on_a_free_port_answers_and_is_stopped_with_all_that_it_started():
    server = started()
    assert server.url == f"http://{HOST}:{server.port}/v1"
    assert listening.processes_at(HOST, server.port)
    assert len(of_port(server.port)) == 3
    server.stop()
    wait_until_gone(server.port)


def test_one_that_dies_while_it_loads_is_told_with_its_last_words_and_leaves_nothing(capfd):
    port = free_port()
    with pytest.raises(RunFailed) as caught:
        started(then="dies", port=port)
    assert caught.value.what == "the server ended with status 3 while it loaded the model: error: it is no model"
    assert "exiting due to that" in capfd.readouterr().err
    wait_until_gone(port)


def test_a_sign_in_its_log_goes_before_later_complaints():
    signs = (FailureSign("out_of_memory", "^load"),)
    with pytest.raises(RunFailed, match="status 3 while it loaded the model: loading"):
        started(then="dies", signs=signs)


def test_what_was_asked_for_is_refused_where_its_log_says_so():
    refusal = BadInput("no model", where="--model", fix="another")
    with pytest.raises(BadInput, match="no model"):
        started(then="dies", refused=lambda log: refusal if "it is no model" in log else None)


def test_one_that_is_never_ready_is_ended_after_its_time():
    port = free_port()
    with pytest.raises(RunFailed, match="not ready after 1 s: loading") as caught:
        started(then="never", port=port, wait_s=1)
    assert "-o start_s" in caught.value.fix
    wait_until_gone(port)


def test_a_port_that_is_in_use_is_refused_in_one_line():
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(BadInput, match="is in use") as caught:
            started(port=taken.getsockname()[1])
    assert caught.value.where == "-o port"


def test_a_free_port_that_somebody_took_meanwhile_is_followed_by_another():
    tried = []

    def command(port):
        tried.append(port)
        words = [sys.executable, "-c", SERVER, str(port), "0", "serves"]
        return (
            words if len(tried) > 1 else [sys.executable, "-c", "print('couldn\\'t bind HTTP server socket'); exit(1)"]
        )

    server = ManagedServer("the server", command, port=None, wait_s=30)
    server.stop()
    assert len(tried) == 2


def test_one_that_is_killed_is_told_with_the_signal():
    server = started()
    try:
        os.kill(next(pid for pid in listening.processes_at(HOST, server.port)), signal.SIGKILL)
        assert server.ended(10)
        error = server.death("in a trial", "look")
    finally:
        server.stop()
    assert error.what.startswith("the server was killed by SIGKILL (out of memory?) in a trial")
    wait_until_gone(server.port)


@pytest.mark.parametrize("signal_", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(("delay", "after"), [(0.0, "ready"), (600.0, "starting")])
def test_nothing_is_left_when_its_owner_is_killed_at_any_moment(delay, after, signal_):
    port = free_port()
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(ROOT), str(delay), str(port)], stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), start_new_session=True,
    )  # fmt: skip
    try:
        while owner.stdout.readline().strip() != after:
            pass
        until(lambda: len(of_port(port)) == 3, "the server, its keeper and its child")
        os.killpg(owner.pid, signal_)
        owner.wait(PATIENCE_S)
        wait_until_gone(port)
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()


WORKING = r"""
import os, signal, subprocess, sys, time
busy = "import time; end = time.process_time() + 0.5\nwhile time.process_time() < end: pass\nprint(1, flush=True); time.sleep(0.5)"
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # without a look at its child
subprocess.Popen([sys.executable, "-S", "-c", busy])
time.sleep(60)
"""


def used_by_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.skipif(sys.platform != "linux", reason="a call of Linux")
def test_the_time_of_what_a_stopped_server_leaves_behind_is_ours():
    """vLLM's engine leaves its worker behind; that was told as the load of other programs."""
    before = used_by_children()
    running = subprocess.Popen(
        keeper.command([sys.executable, "-S", "-c", WORKING]), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    assert running.stdout is not None
    running.stdout.readline()
    running.terminate()
    assert running.wait(PATIENCE_S) == 0
    running.communicate()
    assert used_by_children() - before > 0.45
