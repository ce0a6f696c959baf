"""`repro fleet` on a real SLURM of three virtual nodes of this machine: killed at random points, and with a planted slow node.

    python benchmarks/fleet_slurm.py kills [--kills 30]
    python benchmarks/fleet_slurm.py slow [--model ID --threads 2 --repeats 3]

The three nodes share this machine's cores. For the slow node, therefore, one job runs at a time: each waits on hold until the one
before is over, in turn over the nodes, and while a job of the planted node runs, a process beside it burns every core.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import machine

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.e2e.conftest import Repro
from tests.support import fleet_matrices, slurm_cluster, tiny_gguf
from tests.support.fleet_kills import attempts, distinct_records, kill_often

SLOW = "n2"
REAL = """
name = "slow"
[grid]
models = ["{model}"]
runtimes = ["llama.cpp"]
suites = ["{suite}"]
processes = 3
[grid.options]
threads = {threads}
[[machines]]
name = "virtual"
repeats = {repeats}
tolerate = ["other load", "memory", "disk", "build tools"]
"""


@contextmanager
def _cluster() -> Iterator[tuple[slurm_cluster.Cluster, Path]]:
    if slurm_cluster.missing():
        sys.exit(slurm_cluster.missing())
    with tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        (Path(name) / "cluster").mkdir(mode=0o755)
        (Path(name) / "work").mkdir()
        with slurm_cluster.cluster(Path(name) / "cluster") as made:
            yield made, Path(name) / "work"


def kills(count: int) -> str:
    """What became of six jobs whose `repro fleet` was killed so often."""
    with _cluster() as (cluster, folder):
        repro = Repro(folder, folder / "cache")
        repro.environment |= cluster.variables
        model = folder / "tiny.gguf"
        model.write_bytes(tiny_gguf.build(tiny_gguf.LONG))
        path = folder / "matrix.toml"
        path.write_text(fleet_matrices.text(model, [100, 150]))
        began = time.monotonic()
        killed = kill_often(repro, path, count, seed=19, longest_s=4.0, executor="slurm")
        done = repro("fleet", "resume", path, "--json")
        jobs = json.loads(done.stdout)["jobs"]
        measured = sum(job["status"] == "measured" for job in jobs)
        return (
            f"{killed} of {count} starts killed with -9; {measured} of {len(jobs)} jobs measured, begun "
            f"{sorted(attempts(repro))} times, {len(repro.records())} records, {distinct_records(repro)} distinct; "
            f"{time.monotonic() - began:.0f} s"
        )


def slow(model: str, threads: int, repeats: int) -> str:
    """The report's headlines, with one node of three slowed down."""
    with _cluster() as (cluster, folder):
        repro = Repro(folder)  # the user's own cache: engine and model are there
        repro.environment |= cluster.variables | {"XDG_CONFIG_HOME": str(folder / "config")}
        path = folder / "matrix.toml"
        path.write_text(REAL.format(model=model, suite=fleet_matrices.SMALL, threads=threads, repeats=repeats))
        cluster("scontrol", "update", "PartitionName=main", "State=DOWN")
        own = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
        caches = folder / "caches"
        caches.mkdir()
        for node in slurm_cluster.NODES:
            (caches / node).symlink_to(own)
        done = repro("fleet", "run", path, "--executor", "slurm", "--node-cache", caches / "%n", "--detach")
        if done.returncode:
            sys.exit(done.stderr)
        waiting = [
            line.split("|") for line in cluster("squeue", "--noheader", "--array", "--format=%F|%K|%n").splitlines()
        ]
        for name in {job for job, _, _ in waiting}:
            cluster("scontrol", "hold", name)
        cluster("scontrol", "update", "PartitionName=main", "State=UP")
        for job, index, node in sorted(waiting, key=lambda one: (int(one[1]), one[2])):
            burners = [_burner() for _ in range(os.cpu_count() or 1)] if node == SLOW else []
            cluster("scontrol", "release", f"{job}_{index}")
            cluster.wait(lambda at=f"{job}_{index}": not _held(cluster, at), f"{job}_{index}")
            for one in burners:
                one.kill()
                one.wait()
        repro("fleet", "collect", path)
        return repro("fleet", "report", path).stdout


def _held(cluster: slurm_cluster.Cluster, job: str) -> bool:
    told = cluster("squeue", "--noheader", "--array", "--format=%F_%K|%T").split()
    return any(line.split("|")[0] == job for line in told)


def _burner() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "while True: pass"])


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("kills", "slow"))
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--model", default="gemma-3-270m-q4_k_m")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    print(f"{machine.line()}; {machine.load()}")
    print(kills(asked.kills) if asked.what == "kills" else slow(asked.model, asked.threads, asked.repeats))


if __name__ == "__main__":
    main()
