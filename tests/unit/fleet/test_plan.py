"""The plan: whole nodes, every configuration on each, an order that the seed draws, refusals in one line."""

import pytest

from harness.catalog import matrices
from harness.catalog.triples import Triple
from harness.errors import BadInput
from harness.fleet.admit import refuse_no_build, refuse_unrunnable
from harness.fleet.plan import MOST_JOBS, Node, make_plan

NODES = tuple(Node(name=f"n{i}", memory_mib=4000, features=("small",), partitions=("main",)) for i in (1, 2, 3))
GRID = """
name = "fleet"
[grid]
models = ["gemma-3-270m-q4_k_m"]
runtimes = ["simulated"]
suites = ["quick"]
[grid.options]
step_us = [100, 200]
seed = [1, 2]
"""


@pytest.fixture
def read(tmp_path):
    def written(text):
        path = tmp_path / "m.toml"
        path.write_text(text)
        return matrices.read(path)

    return written


def test_each_node_measures_every_configuration_as_often_as_its_class_says(read):
    made = make_plan(read(GRID + '[[machines]]\nname = "all"\nrepeats = 2\n'), NODES, "slurm", "x")
    assert [job.number for job in made.jobs] == list(range(24))
    for jobs in made.by_node().values():
        for repeat in (0, 1):
            own = [job.triple.key for job in jobs if job.repeat == repeat]
            assert len(own) == len(set(own)) == 4


def test_the_order_is_drawn_by_the_seed_and_differs_between_nodes(read):
    def orders(text):
        made = make_plan(read(text), NODES, "slurm", "x")
        return [tuple(job.triple.key for job in jobs) for jobs in made.by_node().values()]

    assert orders(GRID) == orders(GRID)
    assert len({*orders(GRID), *orders(GRID.replace('name = "fleet"', 'name = "fleet"\nseed = 7'))}) > 3


def test_a_matrix_without_machines_takes_every_node_that_is_up(read):
    down = Node(name="n4", why_not="is down*")
    assert set(make_plan(read(GRID), (*NODES, down), "slurm", "x").by_node()) == {"n1", "n2", "n3"}


def test_exclude_leaves_combinations_out(read):
    loaded = read(GRID + "[[exclude]]\noptions = { step_us = 200, seed = 2 }\n")
    assert len(loaded.matrix.configurations) == 3


@pytest.mark.parametrize(
    ("machines", "said"),
    [
        ('name = "a"\nnodes = 4', "asks for 4 and 3 fit"),
        ('name = "a"\nconstraint = "big"', "n1 lacks big"),
        ('name = "a"\nconstraint = "small&big"', "lacks small&big"),
        ('name = "a"\ndevices = 1', "has 0 GPUs, a job needs 1"),
        ('name = "a"\npartition = "gpu"', "is not in the partition gpu"),
        ('name = "a"\nnames = ["n9"]', "there is no node 'n9'"),
        ('name = "a"\nnames = ["n1", "n1"]', "has 'n1' twice"),
        ('name = "a"\nnames = ["n1"]\n[[machines]]\nname = "b"\nnames = ["n1"]', "in two classes, a and b"),
        ('name = "a"\n[[machines]]\nname = "a"', "two machines are called 'a'"),
        ('name = "a"\n[[machines]]\nname = "b"', "asks for 1 and 0 fit (n1 is in a"),
        ('name = "a"\n[needs]\nmemory_mib = 100000', "has 4000 MiB of memory, 100000 are needed"),
    ],
)
def test_what_no_node_can_run_is_refused(read, machines, said):
    with pytest.raises(BadInput, match=said.replace("(", r"\(").replace("&", "&")) as told:
        make_plan(read(f"{GRID}\n[[machines]]\n{machines}\n"), NODES, "slurm", "x")
    assert "\n" not in str(told.value)


def test_a_million_jobs_are_refused_before_any_is_made(read):
    many = [Node(name=f"n{i}") for i in range(1000)]
    loaded = read(GRID + '[[machines]]\nname = "all"\nrepeats = 100\n')
    with pytest.raises(BadInput, match=f"400,000 jobs are more than a fleet takes, the limit is {MOST_JOBS:,}"):
        make_plan(loaded, many, "slurm", "x")


def test_a_grid_of_a_million_combinations_is_refused_when_it_is_read(read):
    lists = "\n".join(f"{name} = {list(range(100))}" for name in ("step_us", "seed", "prefill_us"))
    with pytest.raises(BadInput, match="make 1,000,000 combinations, the limit is 1,000"):
        read(GRID.replace("step_us = [100, 200]\nseed = [1, 2]", lists))


HOSTILE = {
    "shell in a constraint": '[[machines]]\nname = "a"\nconstraint = "x; rm -rf /"',
    "an option as a constraint": '[[machines]]\nname = "a"\nconstraint = "--wrap=id"',
    "shell in a node's name": '[[machines]]\nname = "a"\nnames = ["n1 $(id)"]',
    "an option as a node's name": '[[machines]]\nname = "a"\nnames = ["--wrap"]',
    "a path as a node's name": '[[machines]]\nname = "a"\nnames = ["../../etc"]',
    "two nodes in one name": '[[machines]]\nname = "a"\nnames = ["n1,n2"]',
    "shell in a partition": '[[machines]]\nname = "a"\npartition = "`id`"',
    "an unknown key": '[[machines]]\nname = "a"\ncommand = "id"',
    "no time at all": '[[machines]]\nname = "a"\ntime_limit_s = 0',
    "repeats without end": '[[machines]]\nname = "a"\nrepeats = 1000000',
    "nodes without end": '[[machines]]\nname = "a"\nnodes = 1000000',
    "an absolute path as a node's name": '[[machines]]\nname = "a"\nnames = ["/etc"]',
    "a class called ..": '[[machines]]\nname = ".."',
    "a class that is not ASCII": '[[machines]]\nname = "größe"',
    "a node that is not ASCII": '[[machines]]\nname = "a"\nnames = ["n\u00ad1"]',
    "a variable of the environment": '[[machines]]\nname = "a"\nenvironment = { LD_PRELOAD = "x" }',
    "a device of shell text": '[[machines]]\nname = "a"\ndevice_kind = "a100:1,x;id"',
    "a pair with a path as its name": '[[pairs]]\nname = "../p"\na = { model = "m", runtime = "r" }\nb = { model = "n", runtime = "r" }',
    "a pair of a thousand processes too many": '[[pairs]]\nname = "p"\nprocesses = 1000000\na = { model = "m", runtime = "r" }\nb = { model = "n", runtime = "r" }',
    "a thousand pairs": "\n".join(
        f'[[pairs]]\nname = "p{n}"\na = {{ model = "m", runtime = "r" }}\nb = {{ model = "n", runtime = "r" }}'
        for n in range(1000)
    ),
    "an exclusion of nothing": "[[exclude]]\n",
    "a number that Python does not read": '[[machines]]\nname = "a"\nrepeats = ' + "1" * 5000,
    "an exclusion that hits nothing": '[[exclude]]\nmodel = "other"',
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_matrix_is_refused_in_one_line(read, case):
    with pytest.raises(BadInput) as told:
        read(f"{GRID}\n{HOSTILE[case]}\n")
    assert "\n" not in str(told.value)
    assert "m.toml" in str(told.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("step_us", "LD_PRELOAD"), "has no option 'LD_PRELOAD'"),
        (("step_us = [100, 200]", 'step_us = ["$(id)"]'), "not a whole number"),
        (('["simulated"]', '["simulated; id"]'), "no runtime"),
        (('["simulated"]', '["llama.cpp@$(id)"]'), "must be one whole release"),
        (('["quick"]', '["../../etc/passwd"]'), "passwd"),
        (('["gemma-3-270m-q4_k_m"]', '["no-such-model"]'), "no model is called"),
        (("step_us = [100, 200]", f"ambient_file = {'x' * 3000!r}"), "longer than 2000"),
        (('runtimes = ["simulated"]', 'runtimes = ["openai-http"]'), "no option"),
        (
            (
                '["simulated"]\nsuites = ["quick"]\n[grid.options]\nstep_us = [100, 200]\nseed = [1, 2]',
                '["llama-server"]\n[grid.options]\ndraft_model = "no-such-draft"',
            ),
            "no model is called 'no-such-draft'",
        ),
        (('["simulated"]', '["simulated@1"]'), "simulated has no builds: none can be chosen"),
        (('suites = ["quick"]', 'suites = ["quick"]\nbackend = "cuda"'), "simulated has no builds"),
        (('["simulated"]', '["simulated"]\nbackend = "quantum"'), "simulated has no builds"),
        (
            ("[grid.options]", '[[machines]]\nname = "a"\ntolerate = ["othr load"]\n[grid.options]'),
            "no check 'othr load'",
        ),
    ],
)
def test_nothing_but_known_names_and_values_passes(read, change, said):
    with pytest.raises(BadInput, match=said.replace("$", "")) as told:
        refuse_unrunnable(read(GRID.replace(*change)))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"backend": "cuda"}, ""),  # some node may have the device
        ({"backend": "quantum"}, "llama.cpp has no backend 'quantum'"),
        ({"runtime": "llama.cpp@0.3.30"}, ""),
        ({"runtime": "llama.cpp@0.1.1"}, "from"),
        ({"runtime": "llama-server", "options": {"binary": "/x"}, "backend": "cuda"}, "options.binary brings a build of its own"),
    ],
)  # fmt: skip
def test_a_build_that_no_machine_can_have_is_refused_before_anything_starts(change, said):
    triple = Triple(**{"model": "m", "runtime": "llama.cpp"} | change)
    if not said:
        return refuse_no_build(triple)
    with pytest.raises(BadInput, match=said):
        refuse_no_build(triple)
    return None


def test_a_matrix_sends_no_secret_of_a_machine_anywhere(read):
    from runtimes.table import find

    secret = next(name for name, option in find("openai-http").options.items() if option.secret)
    text = GRID.replace('["simulated"]', '["openai-http"]').replace(
        "step_us = [100, 200]\nseed = [1, 2]", f'{secret} = "HOME"'
    )
    with pytest.raises(BadInput, match="names a secret of this machine"):
        refuse_unrunnable(read(text))


@pytest.mark.parametrize("name", ["..", "../x", "/etc/x", "a/b", "größe", "a b", "", "-x", "$HOME", "x" * 100, "a\\n"])
def test_the_name_of_a_matrix_can_name_a_folder_and_nothing_else(read, name):
    with pytest.raises(BadInput) as told:
        read(GRID.replace('name = "fleet"', f'name = "{name}"'))
    assert "\n" not in str(told.value)


def test_a_sweep_of_a_million_cells_is_refused_when_it_is_read(read):
    lists = "\n".join(f"{name} = {list(range(100))}" for name in ("step_us", "seed", "prefill_us"))
    with pytest.raises(BadInput, match="1,000,000 combinations"):
        read(f'name = "s"\n[sweep]\nmodel = "m"\nruntime = "simulated"\n[sweep.options]\n{lists}\n')


def test_a_matrix_as_large_as_one_may_be_is_read_soon(read):
    """1,000 combinations, 100 exclusions and 1,000 triples: nothing grows with the square of them."""
    lists = "\n".join(f"{name} = {list(range(10))}" for name in ("step_us", "seed", "prefill_us"))
    text = GRID.replace("step_us = [100, 200]\nseed = [1, 2]", lists)
    text += "".join(f"[[exclude]]\noptions = {{ step_us = {n // 10}, seed = {n % 10} }}\n" for n in range(99))
    text += "".join(f'[[triples]]\nmodel = "m{n}"\nruntime = "simulated"\n' for n in range(1000))
    assert len(read(text).matrix.configurations) == 1010


def test_an_unknown_key_of_the_matrix_is_refused(read):
    with pytest.raises(BadInput, match="environment"):
        read('environment = "LD_PRELOAD=x"' + GRID)


def test_a_sweep_is_for_one_machine(read):
    text = GRID + '[sweep]\nmodel = "m"\nruntime = "simulated"\noptions = { step_us = [1, 2] }\n'
    with pytest.raises(BadInput, match="repro matrix run"):
        make_plan(read(text), NODES, "slurm", "x")


@pytest.mark.parametrize(
    ("kinds", "asked", "fit"),
    [
        (("a100",), "a100", True),
        (("NVIDIA A100-SXM4-80GB",), "a100", True),
        (("NVIDIA GeForce RTX 4090",), "RTX-4090", True),
        (("a100", "t4"), "a100", False),  # an exclusive job sees both
        (("a1000",), "a100", False),
        ((), "a100", False),
    ],
)
def test_a_kind_of_device_is_asked_of_every_gpu_of_a_node(read, kinds, asked, fit):
    node = Node(name="n1", devices=2, device_kinds=kinds)
    loaded = read(GRID + f'[needs]\ndevice_kind = "{asked}"\n')
    if fit:
        (machine,) = make_plan(loaded, [node], "slurm", "x").machines
        assert machine.devices == 1  # what is needed is asked of the scheduler, too
    else:
        with pytest.raises(BadInput, match=f"not {asked}"):
            make_plan(loaded, [node], "slurm", "x")


def test_devices_that_any_node_needs_are_granted_to_every_job(read):
    loaded = read(GRID + '[[machines]]\nname = "a"\n[needs]\ndevices = 2\n')
    (machine,) = make_plan(loaded, [Node(name="n1", devices=4)], "slurm", "x").machines
    assert machine.devices == 2
