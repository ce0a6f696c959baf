"""What each part of the house may load: contracts that a look at the imports, or a fresh process, can hold."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli import COMMANDS

ROOT = Path(__file__).parents[2]
HARNESS = ROOT / "harness"
MOST_LINES = 400


def name_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(file): file for file in sorted(HARNESS.rglob("*.py"))}


def imports(module: str, *, anywhere: bool = False) -> Iterator[str]:
    """What a module imports when it is imported itself; with `anywhere`, what it imports at any time. `TYPE_CHECKING` never counts."""
    waiting = list(ast.parse(MODULES[module].read_text(encoding="utf-8")).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names = [f"{node.module}.{one.name}" for one in node.names]
            yield from (name if name in MODULES else node.module for name in names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
        elif anywhere or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def loaded_by(*statements: str) -> set[str]:
    """The modules that a fresh process holds after these statements."""
    program = "\n".join(("import sys", *statements, "sys.stdout = sys.__stdout__", "print('LOADED', *sys.modules)"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.rpartition("LOADED ")[2].split())


def below(names: set[str], *roots: str) -> set[str]:
    return {one for one in names if any(one == root or one.startswith(f"{root}.") for root in roots)}


# What reads and keeps records runs nothing

READERS = ("harness.registry", "harness.tlog", "harness.verify", "harness.compare")
PARTS = [
    "harness.registry.actions", "harness.registry.queries", "harness.registry.exchange", "harness.registry.intake",
    "harness.registry", "harness.tlog", "harness.verify", "harness.compare",
]  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_what_reads_records_loads_nothing_that_runs_one(part):
    of_it = sorted(below(set(MODULES), part) - {"harness.registry.db.migrations.env"})  # alembic runs that one
    assert len(of_it) > 1
    loaded = loaded_by(*(f"import {module}" for module in of_it))
    assert below(loaded, part) >= set(of_it)
    assert not below(loaded, "harness.run", "harness.capture", "harness.worker", "runtimes", "psutil", "pynvml")
    # SQLAlchemy loads subprocess for itself. Of ours, one module starts one thing: the decoder of foreign samples (decision 0025).
    starting = {one for one in below(loaded, "harness") if "subprocess" in imports(one, anywhere=True)}
    assert starting <= {"harness.record.decode_process"}


def test_no_lazy_import_brings_back_what_runs_a_record():
    forbidden = (
        "harness.run",
        "harness.capture",
        "harness.worker",
        "harness.api",
        "runtimes",
        "psutil",
        "pynvml",
        "subprocess",
    )
    for module in below(set(MODULES), *READERS):
        assert not below(set(imports(module, anywhere=True)), *forbidden), module


def test_tlog_knows_neither_files_nor_time_nor_tables():
    loaded = {one for module in below(set(MODULES), "harness.tlog") for one in imports(module, anywhere=True)}
    assert not below(loaded, "sqlalchemy", "os", "pathlib", "time", "socket", "harness.registry", "harness.catalog")


def test_a_service_that_starts_loads_nothing_that_sends():
    loaded = loaded_by("import harness.service.core", "import harness.service.server")
    assert "harness.registry.remote.outgoing" in loaded
    assert not below(loaded, "httpx2", "httpcore2")


# No circles


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import one another (Tarjan's strongly connected components of more than one, or of one that names itself)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for other in graph[module]:
            if other not in index:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], index[other])
        if low[module] == index[module]:
            group = [stack.pop()]
            while group[-1] != module:
                group.append(stack.pop())
            if len(group) > 1 or module in graph[module]:
                found.append(sorted(group))

    for module in graph:
        if module not in index:
            visit(module)
    return found


def test_no_modules_import_each_other_in_a_circle():
    graph = {module: {one for one in imports(module) if one in MODULES and one != module} for module in MODULES}
    assert circles(graph) == []


def test_a_circle_would_be_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"a"}, "b": set()}) == [["a"]]
    assert circles({"a": {"b"}, "b": set()}) == []


# SQL stays in registry/db

DATABASE = "harness.registry.db"
STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|PRAGMA|ATTACH|BEGIN|COMMIT)\b")
INNER = re.compile(r"\.connection$|\bregistry\.engine$")  # what a reader and a registry hold
SAY_SQL = {"sqlalchemy", "alembic", "sqlite3", "psycopg"}


def sql_of(source: str) -> set[str]:
    """What of a module's source says SQL: the packages and tables that it imports, statements, connections that it asks itself."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            origin = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            names = {f"{origin}{one.name}" for one in node.names}
            found |= {one for one in names if one.partition(".")[0] in SAY_SQL}
            found |= below(names, f"{DATABASE}.tables")
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and STATEMENT.match(node.value):
            found.add(node.value)
        elif isinstance(node, ast.Attribute) and INNER.search(said := ast.unparse(node)):
            found.add(said)
    return found


def test_nothing_outside_the_database_s_own_package_says_sql():
    outside = set(MODULES) - below(set(MODULES), DATABASE)
    assert {one: said for one in outside if (said := sql_of(MODULES[one].read_text(encoding="utf-8")))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "from sqlalchemy import select",
        "from sqlalchemy.exc import SQLAlchemyError",
        "def ask():\n    import sqlite3",
        "if TYPE_CHECKING:\n    import sqlalchemy.engine",
        "from harness.registry.db import tables",
        "from harness.registry.db.tables import records",
        "reader.connection.execute(wanted)",
        "registry.engine.dispose()",
        "self.registry.engine.url",
        "ask('SELECT id FROM records')",
        "ask(f'CREATE TABLE {name} (id)')",
    ],
)
def test_sql_would_be_found(source):
    assert sql_of(source)


@pytest.mark.parametrize(
    "source", ["record.runtime.engine", "from harness.registry.queries import rows", "say('Selected by hand.')"]
)
def test_what_is_no_sql_is_not_taken_for_it(source):
    assert not sql_of(source)


# Small files, quick help


def test_only_one_place_of_the_tests_runs_a_loop():
    """A browser's tests leave their thread with a loop that runs: another in it fails, where they came first."""
    said = [path.name for path in (ROOT / "tests").rglob("*.py") if "asyncio" + ".run(" in path.read_text("utf-8")]
    assert said == ["coroutines.py"]


def test_no_file_is_longer_than_its_reader_s_patience():
    files = [*MODULES.values(), *(ROOT / "runtimes").rglob("*.py")]
    long = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert {name: lines for name, lines in long.items() if lines > MOST_LINES} == {}


def test_help_of_every_command_loads_no_table_no_database_and_no_template():
    """In one process, one after the other: what any of them loads would stay."""
    asked = [["--help"], *([name, "--help"] for name in COMMANDS)]
    statements = [
        "import io, click",
        "from harness.cli import cli",
        "sys.stdout = io.StringIO()",
        "def ask(group, path):",
        "    cli.main([*path, '--help'], standalone_mode=False)",
        "    if isinstance(group, click.Group):",
        "        context = click.Context(group)",
        "        for name in group.list_commands(context):",
        "            ask(group.get_command(context, name), [*path, name])",
        "ask(cli, [])",
    ]
    loaded = loaded_by(*statements)
    assert {COMMANDS[name[0]][0].partition(":")[0] for name in asked[1:]} <= loaded
    assert not below(loaded, "pandas", "pyarrow", "sqlalchemy", "jinja2", "numpy", "pydantic", "huggingface_hub")


def test_repro_help_alone_imports_no_command():
    statements = ["import io", "from harness.cli import cli", "sys.stdout = io.StringIO()"]
    loaded = loaded_by(*statements, "cli.main(['--help'], standalone_mode=False)")
    assert not below(loaded, *(module.partition(":")[0] for module, _ in COMMANDS.values()))
    assert not below(loaded, "pandas", "pyarrow", "sqlalchemy", "jinja2", "numpy", "rich")


# Decisions are found

DECISIONS = ROOT / "docs" / "decisions"
HEAD = re.compile(r"# (\d{4}) (.+)\n\nDate: (\d{4}-\d\d-\d\d)\. Status: ([^.]+)\.")
LINE = re.compile(r"^\| \[(\d{4})\]\((.+\.md)\) \| (.+) \| ([^|]+) \| (\d{4}-\d\d-\d\d) \|$", re.MULTILINE)


def test_every_decision_is_in_the_index_with_its_title_status_and_date():
    pages = []
    for page in sorted(DECISIONS.glob("0*.md")):
        head = HEAD.match(page.read_text(encoding="utf-8"))
        assert head is not None, f"{page.name}: begin with '# NUMBER TITLE', then 'Date: YYYY-MM-DD. Status: STATUS.'"
        number, title, date, status = head.groups()
        assert page.name.startswith(f"{number}-")
        pages.append((number, page.name, title, status, date))
    assert LINE.findall((DECISIONS / "README.md").read_text(encoding="utf-8")) == pages


def test_a_status_is_accepted_or_proposed_or_names_a_decision_that_is_there():
    numbers = {page.name[:4] for page in DECISIONS.glob("0*.md")}
    for number, _, _, status, _ in LINE.findall((DECISIONS / "README.md").read_text(encoding="utf-8")):
        if status not in ("accepted", "proposed"):
            assert re.fullmatch(r"(narrowed|amended|replaced) by \d{4}( and \d{4})*", status), number
            assert set(re.findall(r"\d{4}", status)) <= numbers - {number}, number


# Options of a run alone are some forty lines; the device table's two commands choose between GPUs and processors.
LONG_COMMANDS = {"bench.py bench", "matrix.py run", "device.py list_", "device.py show"}


def test_a_command_parses_calls_and_prints_in_25_lines():
    long = set()
    for file in sorted((HARNESS / "commands").glob("*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                lines = node.body[1:] if ast.get_docstring(node) else node.body
                if lines and (lines[-1].end_lineno or 0) - lines[0].lineno >= 25:
                    long.add(f"{file.name} {node.name}")
    assert long <= LONG_COMMANDS


def test_all_files_of_tests_can_be_collected_in_one_process():
    """Folders of tests are no packages: pytest knows a file by its name alone."""
    names = [file.name for file in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
