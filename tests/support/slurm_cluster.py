"""SLURM for the length of a test: its controller, three virtual nodes on this machine, and munge, all of Debian, without systemd.

Facts that it rests on: Debian's slurmd may run several times on one host (`-N`), `proctrack/linuxproc` and `task/none` need no control
groups, no accounting is needed, and a requeued job waits as long as a credential lives (`cred_expire`, 120 s by default). Everything
lies in one folder and ends with it.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo", "munged", "setpriv")
NODES = ("n1", "n2", "n3")
NUMBERS = 1000  # of jobs that one controller gives at most: a start's first one lies so far above the one before
_FIRST = re.compile(r"FirstJobId=(\d+)")
PATIENCE_S = 600  # a busy machine: nothing waits longer than it must

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=20
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=bf_interval=1,batch_sched_delay=0,sched_min_interval=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
SlurmdTimeout=15
KillWait=10
MinJobAge=300
DebugFlags=NO_CONF_HASH
FirstJobId={first}
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10
"""


def missing() -> str:
    """Why there can be no cluster here; "" where there can."""
    if os.geteuid() != 0:
        return "SLURM's daemons are started as root"
    lacking = [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]
    return f"not installed: {', '.join(lacking)}" if lacking else ""


_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@dataclass
class Cluster:
    """A running one. Its variables are what a user's shell would have."""

    folder: Path
    started: dict[str, int] = field(default_factory=dict)  # daemon → process

    @property
    def variables(self) -> dict[str, str]:
        """For whoever talks to it."""
        return {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": _PATH}

    def __call__(self, *command: str) -> str:
        """What one of SLURM's commands prints."""
        done = subprocess.run(
            command, env=os.environ | self.variables, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    def start(self, daemon: str, *arguments: str, name: str = "") -> None:
        """In the foreground, as a child of ours."""
        with (self.folder / f"{name or daemon}.out").open("ab") as log:
            child = subprocess.Popen([daemon, *arguments], env=os.environ | self.variables, stdout=log, stderr=log)
        self.started[name or daemon] = child.pid
        self._children[child.pid] = child

    _children: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """One daemon; waits for its end."""
        child = self._children.pop(self.started.pop(name))
        child.send_signal(number)
        child.wait(timeout=PATIENCE_S)

    def start_controller(self) -> None:
        """With the state that an earlier one left, and with numbers above all that it gave: one that was killed had not saved the last
        ones, and a node that still runs a job of that number is drained.
        """
        path = self.folder / "slurm.conf"
        path.write_text(_FIRST.sub(lambda found: f"FirstJobId={int(found[1]) + NUMBERS}", path.read_text()))
        self.start("slurmctld", "-D")
        self.wait(
            lambda: (
                subprocess.run(
                    ["scontrol", "ping"], env=os.environ | self.variables, capture_output=True, check=False, timeout=60
                ).returncode
                == 0
            )
        )

    def start_node(self, node: str) -> None:
        """One virtual node."""
        self.start("slurmd", "-D", "-N", node, name=node)

    def wait(self, until, what: str = "SLURM") -> None:
        """Until that holds."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if until():
                return
            time.sleep(0.1)
        raise AssertionError(f"{what} took longer than {PATIENCE_S} s: {self.tail()}")

    def tail(self) -> str:
        """What the daemons said last."""
        return "\n".join(path.read_text(errors="replace")[-600:] for path in sorted(self.folder.glob("*.log")))

    def idle(self) -> bool:
        """Whether all nodes wait for jobs."""
        states = self("sinfo", "--Node", "--noheader", "--partition=main", "--format=%T").split()
        return states == ["idle"] * len(NODES)

    def tended(self, until, what: str) -> None:
        """`wait`, with an administrator who resumes drained nodes: where daemons are killed, the scheduler drains some. Whatever a
        job must start for waits like this.
        """

        def resumed() -> bool:
            for node in self(
                "sinfo", "--Node", "--noheader", "--partition=main", "--states=drain", "--format=%N"
            ).split():
                self("scontrol", "update", f"nodename={node}", "state=resume")
            return until()

        self.wait(resumed, what)

    def end(self) -> None:
        """Everything that was started, and its jobs."""
        subprocess.run(
            ["scancel", "--user=root"], env=os.environ | self.variables, capture_output=True, check=False, timeout=60
        )
        for child in reversed(list(self._children.values())):
            child.terminate()
        for child in self._children.values():
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Three idle nodes. `folder` must be one that the user munge can enter."""
    munge = folder / "munge"
    for name in ("munge", "state", "spool"):
        (folder / name).mkdir()
    (munge / "key").write_bytes(secrets.token_bytes(1024))
    (munge / "key").chmod(0o400)
    for path in (munge, munge / "key"):
        shutil.chown(path, "munge", "munge")
    munge.chmod(0o755)
    ports = _ports(1 + len(NODES))
    host = socket.gethostname().partition(".")[0]
    lines = [
        f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=2000 Features=virtual,{node}"
        for node, port in zip(NODES, ports[1:], strict=True)
    ]
    text = CONFIGURATION.format(host=host, controller=ports[0], folder=folder, first=1, nodes="\n".join(lines))
    (folder / "slurm.conf").write_text(text)
    made = Cluster(folder)
    try:
        made.start(
            "setpriv", "--reuid=munge", "--regid=munge", "--clear-groups", "munged", "--foreground", "--force",
            f"--socket={munge}/socket", f"--key-file={munge}/key", f"--pid-file={munge}/pid", f"--log-file={munge}/log",
            f"--seed-file={munge}/seed", name="munged",
        )  # fmt: skip
        made.wait((munge / "socket").exists, "munged")
        made.start_controller()
        for node in NODES:
            made.start_node(node)
        made.wait(made.idle, "the nodes")
        yield made
    finally:
        made.end()


def _ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()
