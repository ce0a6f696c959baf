"""`repro explain ROW`."""

from __future__ import annotations

import click

from harness.terminal.registry_option import registry_option


@click.command()
@click.argument("row")
@registry_option
@click.option("--policy", help="Apply this policy instead of the registry's.")
@click.option("--as-of", "as_of", metavar="YYYY-MM-DD", help="Score as on this day; default: today.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(row: str, target: str | None, policy: str | None, as_of: str | None, as_json: bool) -> None:
    """ROW is the beginning of the id of a row, or of any record in it."""
    from dataclasses import asdict

    from harness.errors import RecordInvalid
    from harness.registry.facts import EvidenceFact
    from harness.registry.facts.stored import dump
    from harness.registry.queries import believed, cautions, failures, rows
    from harness.registry.queries.active_policy import in_force
    from harness.registry.queries.secondary import record_in
    from harness.terminal.console import escape, out, print_json
    from harness.terminal.days import day_of
    from harness.terminal.evidence import print_evidence
    from harness.terminal.registry_option import open_for_reading, say
    from harness.terminal.scores import print_score
    from harness.units import count

    day = day_of(as_of)
    registry = open_for_reading(target)
    with registry.reading() as reader:
        failures.refuse(reader, row)
        whole = rows.row_of(reader, row)
    with believed.reading(registry, [whole]) as (reader, left_out):
        say([doubt for doubt in left_out if doubt.record != whole])
        for doubt in left_out:
            if doubt.record == whole:
                what = f"the record that opened this row does not hold: {doubt.what}"
                raise RecordInvalid(what, where=whole[:12], fix="run: repro audit")
        loaded = in_force(reader, policy)
        found, score = rows.score_row(reader, whole, loaded.policy, day)
        people = rows.people(reader, [one.operator for one in rows.members(found)])
        records = {one.id: record for one in rows.members(found) if (record := record_in(reader, one.id)) is not None}
        said = cautions.of_row(reader, found, score, people, records)
        failed = failures.at_rows(reader, failures.public(reader)).get(whole, ())
        heads = failures.heads(failed, rows.people(reader, [one.operator for one in failed])) if failed else 0
        evidence = [one.evidence for one in reader.all(EvidenceFact).values() if one.row == whole and not one.removed]
    name = f"{loaded.policy.name}-v{loaded.policy.version}"
    if as_json:
        print_json(
            {"row": whole, "policy": name, "policy_sha256": loaded.sha256, "as_of": day.isoformat(), **asdict(score)}
            | {"evidence": [dump(imported) for imported in evidence], "cautions": [asdict(one) for one in said]}
            | {"does_not_run": [failures.plain(one) for one in failed]}
            | {"left_out": [asdict(one) for one in left_out]}
        )
        return
    console = out()
    print_score(console, found.hub, found.others, score, f"{name} {loaded.sha256[:12]}, {day.isoformat()}")
    if said:
        console.print("[bold]Cautions[/] (they do not change the tier)")
        for one in said:
            console.print(f"  {escape(one.text)}")
    if failed:
        console.print(f"[bold]Does not run here[/] (what {count(heads, 'operator')} told; counts for no tier)")
        for told in failed:
            console.print(f"  {escape(failures.line(told))}", soft_wrap=True)
    if evidence:
        console.print("[bold]From elsewhere[/] (imported: shown, never counted)")
        for imported in evidence:
            print_evidence(console, imported)
