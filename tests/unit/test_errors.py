"""One table says how a command ends and what a service answers."""

import pickle

import pytest

from harness import errors
from harness.cli import main
from harness.errors import BadInput, LogInconsistent, NotFound, RecordInvalid, ReproError, statuses
from harness.progress import SILENT


def kinds(parent=ReproError):
    found = [parent] if parent.__module__ == errors.__name__ else []
    return found + [kind for child in parent.__subclasses__() for kind in kinds(child)]


def test_every_error_that_a_user_can_meet_is_in_the_table():
    assert {kind.__name__ for kind in kinds()} == {kind.__name__ for kind in errors._STATUSES}
    assert {kind.__name__ for kind in kinds()} <= set(errors.__all__)


@pytest.mark.parametrize("kind", sorted(kinds(), key=lambda kind: kind.__name__))
def test_each_kind_ends_the_command_line_with_one_line_and_the_table_s_status(kind, monkeypatch, capsys):
    def fails(*_arguments, **_options):
        raise kind("is wrong", where="here", fix="mend it")

    monkeypatch.setattr("harness.cli.cli.main", fails)
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == statuses(kind).exit_status
    assert capsys.readouterr().err == "repro: here: is wrong; mend it\n"


@pytest.mark.parametrize(
    ("kind", "http"),
    [("BadInput", 400), ("NotAllowed", 403), ("NotFound", 404), ("Conflict", 409), ("RecordInvalid", 422)],
)
def test_whose_fault_it_is_can_be_told_from_the_answer(kind, http):
    assert statuses(getattr(errors, kind)) == (2, http)


def test_an_inconsistent_log_is_no_fault_of_its_reader():
    assert statuses(LogInconsistent).http_status == 500
    assert issubclass(LogInconsistent, RecordInvalid)


def test_a_kind_of_one_s_own_ends_as_its_parent_does():
    class Elsewhere(NotFound):
        pass

    assert statuses(Elsewhere) == statuses(NotFound)


@pytest.mark.parametrize("kind", sorted(kinds(), key=lambda kind: kind.__name__))
def test_an_error_of_another_process_keeps_its_kind(kind):
    again = pickle.loads(pickle.dumps(kind("is wrong", where="here", fix="mend it")))
    assert (type(again), str(again), again.exit_code) == (kind, "here: is wrong; mend it", statuses(kind).exit_status)


def test_what_is_not_there_is_told_from_what_is_wrong(tmp_path):
    from harness.record.store import below, find, read
    from harness.registry.opening import open_database

    empty = tmp_path / "empty"
    empty.mkdir()
    for ask in (
        lambda: read(tmp_path / "none"),
        lambda: find([empty]),
        lambda: below(tmp_path / "none"),
        lambda: open_database(str(empty)),
    ):
        with pytest.raises(NotFound):
            ask()
    (tmp_path / "record.json").write_text("{}")
    with pytest.raises(BadInput) as caught:
        read(tmp_path)
    assert type(caught.value) is not NotFound


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines, mark: (lines[:-1], mark),
        lambda lines, mark: (lines[:1] + lines[2:], mark),
        lambda lines, mark: ([lines[1], lines[0], *lines[2:]], mark),
        lambda lines, mark: (lines, mark.replace('"root": "', '"root": "00')),
    ],
    ids=["its end", "its middle", "its order", "its root"],
)
def test_an_export_whose_log_was_tampered_with_is_told_from_a_bad_record(tmp_path, spoil):
    from harness.registry.exchange import files
    from harness.registry.opening import open_readable
    from tests.support.registry_world import world

    registry = world(str(tmp_path / "registry"))
    registry.accepted("ann")
    out = tmp_path / "out"
    files.export(registry.registry, out, SILENT)
    mark = out / "registry.json"
    lines, text = spoil((out / files.LOG).read_bytes().splitlines(keepends=True), mark.read_text())
    (out / files.LOG).write_bytes(b"".join(lines))
    mark.write_text(text)
    with pytest.raises(LogInconsistent):
        open_readable(str(out))


def test_a_second_registry_of_a_name_is_a_conflict(tmp_path):
    from harness.registry.exchange import last_seen
    from tests.support.registry_world import ORIGIN, world

    last_seen.unused(ORIGIN, tmp_path / "seen")
    last_seen.look(world(str(tmp_path / "registry")).registry, tmp_path / "seen")
    with pytest.raises(errors.Conflict, match="a registry of this name was seen here"):
        last_seen.unused(ORIGIN, tmp_path / "seen")
