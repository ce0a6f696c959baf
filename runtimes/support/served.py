"""What a server says about itself and the model that it serves: asked before anything is timed, and held against the request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness.errors import BadInput, RunFailed, one_line
from runtimes.interface import Scalar
from runtimes.support import server_drafts
from runtimes.support.server_words import error_of, said, told
from runtimes.support.sse import Server

NAMES_SHOWN = 10
_OWNERS = {
    "vllm": "vllm",
    "llamacpp": "llama.cpp",
    "sglang": "sglang",
    "library": "ollama",
    "organization_owner": "lmstudio",
}


@dataclass(frozen=True, slots=True)
class Served:
    """One model of one server, by its own words; None where it does not tell."""

    name: str  # under which it is asked for
    answers: frozenset[str]  # names under which its answers may come, made alike
    engine: str
    version: str
    context_tokens: int | None
    vocabulary: int | None
    model: Mapping[str, Scalar]  # for `RuntimeFacts.model`
    slots: int | None = None  # requests that it computes at once
    speculative: bool | None = None  # whether it drafts tokens ahead


def look(server: Server, wanted: str, engine: str, answers_as: str, model: Path) -> Served:
    """Ask the server. Raises `BadInput` where it does not say which model is meant, or contradicts what was said."""
    entries = _entries(server, wanted)
    name = _chosen(entries, wanted)
    entry = next((one for one in entries if one["id"] == name), {})
    props = _object(server.call(f"{server.root}/props"))
    _refuse_another_file(server, props.get("model_path"), model)
    _refuse_another_file(server, entry.get("root"), model)
    shown = _shown(server, entry)
    own = {name, answers_as, *_texts(entry, "root", "aliases"), *_texts(props, "model_path", "model_alias")}
    found, version = _engine(server, entry, props, engine)
    told = (_object(props.get("default_generation_settings")).get("n_ctx"), entry.get("max_model_len"),
            shown.get("loaded_context_length"))  # fmt: skip
    facts = _model(entry, shown)
    return Served(
        name=name,
        answers=frozenset(alike(text) for text in own if text),
        engine=found,
        version=version,
        context_tokens=next((number for one in told if (number := _number(one)) is not None), None),
        vocabulary=_number(facts.get("vocabulary")),
        model=facts,
        slots=_number(props.get("total_slots")),
        speculative=server_drafts.told(server, found),
    )


def _shown(server: Server, entry: Mapping[str, Any]) -> dict[str, Any]:
    """What the server says of one model beside its list: Ollama, LM Studio."""
    owner, name = _OWNERS.get(str(entry.get("owned_by")), ""), str(entry.get("id"))
    if owner == "ollama":
        return _object(server.call(f"{server.root}/api/show", {"model": name}))
    return _object(server.call(f"{server.root}/api/v0/models/{quote(name)}")) if owner == "lmstudio" else {}


def alike(name: str) -> str:
    """A model's name without folder, ending and default tag: servers answer by alias, path or file."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2].lower()
    return last.removesuffix(":latest").removesuffix(".gguf")


def same_model(served: Served, names: Iterable[str]) -> None:
    """Raises `RunFailed` where an answer says that another model made it than the one that was asked for."""
    for name in names:
        if alike(name) not in served.answers:
            raise RunFailed(
                f"the server answers as {one_line(name, 80)!r}, asked for was {one_line(served.name, 80)!r}",
                where="openai-http",
                fix="name the model that it serves: -o served_model=NAME; if both are one: -o answers_as=NAME",
                code="another model answers",
            )


def _entries(server: Server, wanted: str) -> list[dict[str, Any]]:
    """The models that it lists, each once."""
    answer = server.ask(f"{server.base}/models")
    if answer.status in (404, 405, 501) and wanted:
        return []
    if answer.status != 200:
        raise server.refused(answer.status, answer.body)
    value = answer.value
    if value is None:
        raise BadInput(
            f"its list of models can't be read: {said(answer.body, server.key) or 'nothing came'}",
            where=f"-o url ({server.base}/models)",
            fix="give the address of its API (most end in /v1), and of itself: a proxy may have answered, or compressed it",
        )
    if words := error_of(value, server.key):
        raise BadInput(f"the server reports an error: {words}", where="-o url", fix="see the server's log")
    listed = value.get("data", value.get("models")) if isinstance(value, dict) else value
    found: dict[str, dict[str, Any]] = {}
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, dict) and isinstance(one.get("id"), str) and one["id"]:
            found.setdefault(one["id"], one)
    return list(found.values())


def _chosen(entries: list[dict[str, Any]], wanted: str) -> str:
    """The one that is meant."""
    names = [entry["id"] for entry in entries]
    shown = told(", ".join(names[:NAMES_SHOWN]) + (", …" if len(names) > NAMES_SHOWN else ""), "")
    if wanted:
        for entry in entries:
            if wanted in (entry["id"], entry["id"].removesuffix(":latest"), *_texts(entry, "aliases")):
                return str(entry["id"])
        if names:
            raise BadInput(
                f"it lists no model {one_line(wanted, 80)!r}, but {shown}",
                where="-o served_model",
                fix="name one of these",
            )
        return wanted
    if len(names) > 1:
        raise BadInput(
            f"the server lists {len(names)} models: {shown}",
            where="-o url",
            fix="say which is measured, and give its own file as --model: -o served_model=NAME",
        )
    if not names:
        raise BadInput("it lists no model", where="-o url", fix="check the address, or name one: -o served_model=NAME")
    return str(names[0])


def _engine(server: Server, entry: Mapping[str, Any], props: Mapping[str, Any], said: str) -> tuple[str, str]:
    """The engine and its version, by what each kind of server offers; `said` is the operator's word."""
    owner = _OWNERS.get(str(entry.get("owned_by")), "")
    version = _object(server.call(f"{server.root}/version")).get("version")
    if version is None and owner == "sglang":
        version = next((told for path in ("/server_info", "/get_server_info")
                        if (told := _object(server.call(f"{server.root}{path}")).get("version")) is not None), None)  # fmt: skip
    build = props.get("build_info")
    ollama = _object(server.call(f"{server.root}/api/version")).get("version") if not version and not build else None
    if isinstance(build, str):
        found = ("llama.cpp", build)
    elif isinstance(version, str | int | float):
        found = (owner, str(version))  # LocalAI, Aphrodite and others answer there as vLLM does
    elif isinstance(ollama, str):
        found = ("ollama", ollama)
    else:
        found = (owner, "not told by the server")
    if said and found[0] and said != found[0]:
        raise BadInput(
            f"the server says that it is {found[0]}, not {one_line(said, 40)}",
            where="-o engine",
            fix="leave it out where the server tells",
        )
    return found[0] or said or "unknown", one_line(found[1], 80)


def _refuse_another_file(server: Server, path: Any, model: Path) -> None:
    """A path that the server names, where it lies on this machine, must be the file that the record will name."""
    if not server.loopback or not isinstance(path, str) or not Path(path).is_absolute():
        return
    try:
        other = Path(path).exists() and not Path(path).samefile(model)
    except OSError:
        return
    if other:
        raise BadInput(
            f"the server has loaded another file, {one_line(Path(path).name, 80)}, than --model names",
            where=model.name,
            fix="give that file as --model",
        )


def _model(entry: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Scalar]:
    """Counts that can be held against the file's header: `meta`, `/api/show`, `/api/v0/models`."""
    meta, info = _object(entry.get("meta")), _object(shown.get("model_info"))
    architecture = str(info.get("general.architecture", ""))
    facts: dict[str, Scalar] = {"description": "as served"}
    for name, number in (
        ("parameters", meta.get("n_params", info.get("general.parameter_count"))),
        ("weights_bytes", meta.get("size")),
        ("vocabulary", meta.get("n_vocab")),
        (
            "context_trained",
            meta.get("n_ctx_train", info.get(f"{architecture}.context_length", shown.get("max_context_length"))),
        ),
    ):
        if (known := _number(number)) is not None:
            facts[name] = known
    label = _object(shown.get("details")).get("quantization_level", shown.get("quantization"))
    if isinstance(label, str) and label and label != "unknown":
        facts["quantisation"] = one_line(label, 40)
    return facts


def _texts(value: Mapping[str, Any], *names: str) -> list[str]:
    found = [value.get(name) for name in names]
    flat = [item for one in found for item in (one if isinstance(one, list) else [one])]
    return [item for item in flat if isinstance(item, str)]


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**53
    return value if whole else None
