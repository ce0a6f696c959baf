"""`repro agent` as its owner types it; killed at random points; and once with the real engine and a real model."""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path

import pytest

from harness import paths
from harness.record import keys
from harness.record.editor_keys import registry_key
from harness.registry.facts import RecordFact
from harness.registry.opening import open_database
from tests.e2e.conftest import refused
from tests.support import tiny_gguf
from tests.support.registry_world import key, world
from tests.support.served import served
from tests.support.warm import Warm
from tests.unit.agent.conftest import Scene

MODEL = "gemma-3-270m-q4_k_m"


def queue(place):
    registry = open_database(str(place))
    with registry.reading() as reader:
        found = {name: one.request for name, one in reader.all(RecordFact).items()}
    registry.close()
    return found


@pytest.fixture
def url(people):
    own = registry_key(people.folder / "ed" / "repro-harness" / "keys", "test.example/registry", make=False)
    with served(open_database(str(people.registry)), own) as client:
        yield str(client.base_url).rstrip("/")


@pytest.fixture
def policy(people):
    def written(**more):
        told = {"models": [MODEL], "runtimes": ["llama.cpp"], "hardware": ["here"], "tolerate": ["other load"]} | more
        path = people.folder / "bob" / "repro-harness" / "agent.toml"
        path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in told.items()))
        return path

    return written


def asked(people, url, model=MODEL, runtime="llama.cpp", hardware="here"):
    words = ["--model", model, "--hardware", hardware, "--runtime", runtime]
    request = people.good("ann", "request", "new", *words, REPRO_REGISTRY=url).split()[0]
    people.good("ed", "request", "accept", request, "--reason", "useful to know", REPRO_REGISTRY=url)
    return request


def test_its_owner_writes_a_policy_and_is_told_why_nothing_is_measured(people, url, policy, tmp_path):
    run = ("agent", "run", "--once")
    assert "write one: repro agent policy --write" in refused(people("bob", *run, REPRO_REGISTRY=url))
    people.good("bob", "agent", "policy", "--write")
    refused(people("bob", "agent", "policy", "--write"))
    path = policy(quiet_hours=["00:00-23:59"])
    told = json.loads(people.good("bob", "agent", "policy", "--json"))
    assert told["policy"]["quiet_hours"] == ["00:00-23:59"]
    assert told["hardware"]
    assert "must be the https:// URL of a service" in refused(people("bob", *run))  # a folder
    assert "must be encrypted" in refused(people("bob", *run, REPRO_REGISTRY="http://registry.example"))
    asked(people, url, model="another; touch /tmp/owned")
    path = policy(approval="manual")
    done = people("bob", *run, REPRO_REGISTRY=url)
    assert done.returncode == 0, done.stderr
    assert "no request fits: the model 'another; touch /tmp/owned' is not on your list (1)" in done.stderr
    assert not Path("/tmp/owned").exists()
    request = asked(people, url)
    assert "waits for your approval" in people("bob", *run, REPRO_REGISTRY=url).stderr
    assert request[:12] in people.good("bob", "agent", "status", REPRO_REGISTRY=url)
    refused(people("bob", "agent", "approve", "beef", REPRO_REGISTRY=url))
    assert people.good("bob", "agent", "approve", request[:9], REPRO_REGISTRY=url).split() == [request, "approved"]
    stop = path.with_name("agent.stop")
    stop.touch()
    assert "the stop file is there" in people("bob", *run, REPRO_REGISTRY=url).stderr
    assert queue(people.registry) == {}


@pytest.mark.slow  # the default suite, as whoever asks gets it: about 4 minutes on two cores
def test_the_real_engine_measures_what_was_asked_for_and_the_record_waits_for_an_editor(people, url, policy):
    """From the request to the queue, without a word of the machine's owner."""
    policy(most_minutes=1)
    request = asked(people, url)
    cache = str(paths.cache().parent)
    for _ in range(3):
        done = people("bob", "agent", "run", "--once", REPRO_REGISTRY=url, XDG_CACHE_HOME=cache)
        assert done.returncode in (0, 3), done.stderr
        if queue(people.registry):
            break
        if "another measurement is running" in done.stderr:  # in the user's cache: nothing was lost
            time.sleep(20)
        else:  # a busy machine may spoil a check that rests on times
            assert "do not use this number" in done.stderr, done.stderr
            people.good("bob", "agent", "approve", request, REPRO_REGISTRY=url)
    (answers,) = queue(people.registry).values()
    assert answers == request
    told = json.loads(people.good("bob", "agent", "status", "--json", REPRO_REGISTRY=url))
    assert [(one["request"], one["ending"]) for one in told["ended"]] == [(request, "answered")]
    assert "signed by bob" in people.good("bob", "verify", told["ended"][0]["record"], REPRO_REGISTRY="")


def test_kill_9_at_random_points_loses_and_doubles_nothing(tmp_path):
    """Worker, journal, lease, submission: whatever it was about. Its engine is simulated, everything else is not."""
    draw = random.Random(19)
    model = tmp_path / "tiny.gguf"
    model.write_bytes(tiny_gguf.build(tiny_gguf.LONG))
    made = world(str(tmp_path / "registry"), demonstration=True)
    made.join("ann")
    keys.create(tmp_path / "bob" / "repro-harness" / "keys", "bob", None)
    environment = os.environ | {"XDG_CONFIG_HOME": str(tmp_path / "bob"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    with served(made.registry, key("registry"), limited=False) as client:
        url = str(client.base_url).rstrip("/")
        requests = {Scene(made, url, None).ask() for _ in range(2)}
        kills = int(os.environ.get("REPRO_AGENT_KILLS", "6"))
        for number in range(kills + 4):
            words, log = (url, model), tmp_path / "told"
            agent = Warm("tests.support.agents", *words, environment=environment, apart=True, log=log)
            if number < kills:
                time.sleep(draw.uniform(0.5, 8.0))
                agent.kill()
            code = agent.wait()
            assert number < kills or code == 0, log.read_text()
            if len(queue(tmp_path / "registry")) == len(requests) and number >= kills:
                break
        found = queue(tmp_path / "registry")
        assert sorted(found.values()) == sorted(requests)
        folder = next((tmp_path / "bob" / "repro-harness" / "agent").glob("*/done")).parent
        assert {path.stem for path in (folder / "done").iterdir()} == requests
        assert not (folder / "job.json").exists()
        assert len(list(folder.glob("results/*/*/record.json"))) == len(requests)
