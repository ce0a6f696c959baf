"""The registry's tables. `entries` and `bodies` are the truth and never change; everything else can be made again from them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

HEAD = "0008"  # the newest migration

metadata = MetaData()
_DIGEST = String(64)

entries = Table(
    "entries",
    metadata,
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("payload", LargeBinary, nullable=False),
    Column("digest", _DIGEST, nullable=False, unique=True),
    Column("event_sha256", _DIGEST, nullable=False, unique=True),  # the same act is not done twice
    Column("envelope_sha256", _DIGEST, nullable=False),
)
bodies = Table(
    "bodies",
    metadata,
    Column("sha256", _DIGEST, primary_key=True),
    Column("kind", String(16), nullable=False),  # event, record, samples
    Column("data", LargeBinary, nullable=False),
)
takedowns = Table("takedowns", metadata, Column("sha256", _DIGEST, primary_key=True))  # bodies that may be dropped
nodes = Table(
    "nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)
checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
)
cosignatures = Table(  # what witnesses signed of a checkpoint: their newest line each
    "cosignatures",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("witness", String(300), primary_key=True),  # name+hash of its key
    Column("line", LargeBinary, nullable=False),
)
facts = Table(
    "facts",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("name", String(256), primary_key=True),
    Column("value", Text, nullable=False),
    Column("key", _DIGEST, nullable=True),  # of a record: the key that signed it
    Index("facts_by_key", "key"),
)
series = Table(  # what accepted records have run, for version drift
    "series", metadata, Column("engine", String(64), primary_key=True), Column("series", String(128), primary_key=True)
)
rigs = Table(  # who has signed with which machine's key, from every submission in the log
    "rigs",
    metadata,
    Column("operator", String(64), primary_key=True),
    Column("rig", _DIGEST, primary_key=True),
    Index("rigs_by_rig", "rig"),
)
secrets = Table(
    "secrets", metadata, Column("name", String(32), primary_key=True), Column("value", LargeBinary, nullable=False)
)
devices = Table(  # digests under that secret; neither is ever exported
    "devices", metadata, Column("digest", _DIGEST, primary_key=True), Column("rig", _DIGEST, primary_key=True)
)
records = Table(  # what the rules ask of a record, laid by rows so that a row is read in one sweep
    "records",
    metadata,
    Column("row", _DIGEST, primary_key=True),
    Column("id", _DIGEST, primary_key=True),
    Column("idx", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    Column("operator", String(64), nullable=False),
    Column("rig", _DIGEST, nullable=False),
    Column("model", String(128), nullable=False),
    Column("quantisation", String(64), nullable=False),
    Column("engine", String(64), nullable=False),
    Column("workload", String(160), nullable=False),
    Column("sku", String(256), nullable=False),
    Column("generation", String(128), nullable=False),
    Column("os_family", String(64), nullable=False),
    Column("runtime_series", String(128), nullable=False),
    Column("processes", Integer, nullable=False),
    Column("log_mean", Float, nullable=False),
    Column("log_variance", Float, nullable=False),
    Column("medians", Text, nullable=False),  # of the headline, micro tokens/s, comma between
    Column("measured", String(10), nullable=False),
    Column("fixed_number", Integer, nullable=False),
    Column("missing", Text, nullable=False),
    Column("failed", Text, nullable=False),
    Column("editorial", Integer, nullable=False),
    Column("versions", Text, nullable=False),
    Column("model_name", String(256), nullable=False),
    Column("samples_sha256", _DIGEST, nullable=False),
    UniqueConstraint("id", name="records_by_id"),
    Index("records_by_status", "status"),
    Index("records_by_series", "engine", "runtime_series", "status"),
    Index("records_by_rig", "rig"),
    Index("records_by_subject", "model", "quantisation", "engine", "workload", "sku"),
    Index("records_by_samples", "samples_sha256"),
    sqlite_with_rowid=False,
)

buckets = Table(  # what each key and address may still ask of a service: its business alone, and forgotten
    "buckets",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("tokens", Float, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("buckets_by_time", "at_ms"),
)
nonces = Table(  # numbers of signed requests that were used
    "nonces", metadata, Column("sha256", String(64), primary_key=True), Column("until_s", BigInteger, nullable=False)
)
jobs = Table(  # what is done beside the log: when, for which log, and by whom a row is locked
    "jobs",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("entries", BigInteger, nullable=False),
    Column("signed", BigInteger, nullable=False),
    Column("day", String(10), nullable=False),
    Column("done_ms", BigInteger, nullable=False),
    Column("tried_ms", BigInteger, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("error", String(64), nullable=False),
)

sessions = Table(  # editors who are signed in at the console
    "sessions",
    metadata,
    Column("sha256", _DIGEST, primary_key=True),
    Column("handle", String(64), nullable=False),
    Column("key", _DIGEST, nullable=False),
    Column("began_s", BigInteger, nullable=False),
    Column("seen_s", BigInteger, nullable=False),
    Index("sessions_by_time", "seen_s"),
)
proposals = Table(  # changes that wait for more editors to sign them
    "proposals",
    metadata,
    Column("sha256", _DIGEST, primary_key=True),
    Column("envelope", LargeBinary, nullable=False),
    Column("at_s", BigInteger, nullable=False),
)
webhooks = Table(  # whom the host tells of what happens
    "webhooks",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("url", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("topics", String(128), nullable=False),  # comma between
    Column("private", Integer, nullable=False),  # 1: this machine and its network may be meant
)
outbox = Table(  # messages, until they are taken or given up
    "outbox",
    metadata,
    Column("id", String(64), primary_key=True),  # webhook-id
    Column("webhook", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_ms", BigInteger, nullable=True),  # null: delivered, or given up
    Column("said", Text, nullable=False),  # of the last try
    Index("outbox_by_time", "next_ms"),
)
told = Table(  # what was known when it was told last
    "told",
    metadata,
    Column("topic", String(16), primary_key=True),
    Column("name", String(160), primary_key=True),
    Column("value", String(64), nullable=False),
)
leases = Table(  # which operator's machine measures a request now, and until when (seconds since 1970)
    "leases",
    metadata,
    Column("request", _DIGEST, primary_key=True),
    Column("operator", String(64), primary_key=True),
    Column("lease", _DIGEST, nullable=False),
    Column("began_s", BigInteger, nullable=False),
    Column("until_s", BigInteger, nullable=False),  # 0: it was given back
    Column("taken", Integer, nullable=False),  # how often this operator has taken the request
    Index("leases_by_lease", "lease", unique=True),
    Index("leases_by_end", "until_s"),
)
answers = Table(  # of facts: records by the request that they were submitted for (see `lookups`)
    "answers",
    metadata,
    Column("record", _DIGEST, primary_key=True),
    Column("request", _DIGEST, nullable=False),
    Index("answers_by_request", "request"),
)
failures = Table(  # of facts: failed runs by operator and status (see `lookups`)
    "failures",
    metadata,
    Column("record", _DIGEST, primary_key=True),
    Column("operator", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Index("failures_by_operator", "operator"),
    Index("failures_by_status", "status"),
)

# What no later programmer can forget: the truth is append-only in the database itself.
_SQLITE = """
CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, '{table} are immutable'); END;
CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {when} BEGIN SELECT RAISE(ABORT, '{table} are immutable'); END;
"""
_POSTGRES = """
CREATE FUNCTION {table}_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND {allowed} THEN RETURN OLD; END IF;
  RAISE EXCEPTION '{table} are immutable';
END $$;
CREATE TRIGGER {table}_immutable BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_immutable();
CREATE TRIGGER {table}_whole BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {table}_immutable();
"""


def guards(dialect: str) -> list[str]:
    """The statements that make the truth immutable; a body may go once its takedown is written down."""
    taken = "EXISTS (SELECT 1 FROM takedowns WHERE takedowns.sha256 = OLD.sha256)"
    found: list[str] = []
    for table in ("entries", "checkpoints", "bodies"):
        allowed = taken if table == "bodies" else "FALSE"
        if dialect == "sqlite":
            when = f"WHEN NOT {taken}" if table == "bodies" else ""
            text = _SQLITE.format(table=table, when=when)
            found += [part + "END;" for part in text.strip().split("END;") if part.strip()]
        else:
            text = _POSTGRES.format(table=table, allowed=allowed)
            body, _, triggers = text.strip().partition("END $$;")
            found += [body + "END $$;", *[part + ";" for part in triggers.split(";") if part.strip()]]
    return found
