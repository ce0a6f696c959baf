"""Records compared as a reader meets them: from a folder, verified first, refused where they are false."""

from __future__ import annotations

from pathlib import Path

from harness.compare import agreement
from harness.compare.agreement import PairAgreement
from harness.compare.records import RecordComparison, compare_records
from harness.errors import BadInput
from harness.record.schema import Record
from harness.record.store import Stored
from harness.verify.reading import believed, check, trusted, well_formed

Place = str | Path | Stored


def compare(a: Place, b: Place, *, band_percent: float = 10.0) -> RecordComparison:
    """`a` against `b`, as `repro compare`: for each workload and metric that both hold, the ratio a / b with its verdict.

    `rows[i].a` and `.b` are integers in `rows[i].unit` (`micro_tokens_per_s`, `ns`, `bytes`); `rows[i].comparison` has `ratio`,
    `low`, `high` (dimensionless, the interval at `level`), the verdict and its reason. `differences` names what else differs
    between the runs. `band_percent` is half of the tolerance band, above 0 and below 50. Raises `BadInput` for another band,
    `NotFound` where there is no record, `RecordInvalid` where one is false.
    """
    if not 0 < band_percent < 50:  # NaN fails, too
        raise BadInput(
            f"{band_percent} must lie between 0 and 50", where="band_percent", fix="give per cent, such as 10"
        )
    left, right = _record(a), _record(b)
    with well_formed(f"{_name(a)} and {_name(b)}"):
        return compare_records(left, right, (1 - band_percent / 100, 1 + band_percent / 100))


def agree(reference: Place, other: Place) -> PairAgreement:
    """Whether both compute the same model, as `repro agree`: the `verdict` with its reason in `text`.

    `workloads[i]` has the number of ids `compared` and the index of the `first_mismatch`, or None. `probe` and `probe_reference`
    are micronats a token. Raises `NotFound` where there is no record, `RecordInvalid` where one is false.
    """
    left, right = _record(reference), _record(other)
    with well_formed(f"{_name(reference)} and {_name(other)}"):
        return agreement.agree(left, right)


def _record(place: Place) -> Record:
    found = believed(check(place)) if isinstance(place, Stored) else trusted(Path(place))
    return found.stored.record


def _name(place: Place) -> str:
    return str(place.path if isinstance(place, Stored) else place)
