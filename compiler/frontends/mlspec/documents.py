"""The documents that describe and make no job: data, modules, runs, metadata, models of the older form, log records."""

from __future__ import annotations

from compiler import codes as core
from compiler import reader
from compiler.diagnostics import Label, Sink
from compiler.frontends.mlspec import codes
from compiler.frontends.mlspec.objects import check_unique
from compiler.frontends.mlspec.secrets import check_placeholder, is_placeholder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from compiler.frontends.mlspec.view import View

    Check = Callable[["View", Sink], None]

# Parts of the names of fields that hold a credential, as they read without _ and -.
_SECRET_WORDS = (
    "accesskey", "accountkey", "apikey", "privatekey", "secret", "token", "password", "passwd", "pwd", "credential",
)  # fmt: skip


def check_dataset(document: View, sink: Sink) -> None:
    """M26; the fields of a version of a data set are typed by the schema."""
    state = document.text("state").lower()
    deprecated, visible = document.text("isDeprecated"), document.text("isVisible")
    if deprecated in reader.TRUE and state == "active":
        _contradiction(document, "isDeprecated", "state", "said to be deprecated, and its state is active", sink)
    if deprecated in reader.FALSE and state == "deprecated":
        _contradiction(document, "isDeprecated", "state", "said not to be deprecated, and its state is", sink)
    if visible in reader.TRUE and state in ("deprecated", "archived"):
        message = f"a data set that is {state} is hidden by definition, and said to be visible"
        labels = (Label(document.slot.span("state"), "the state is here"),)
        sink.report(codes.CONTRADICTION, message, document.slot.span("isVisible"), severity="warning", labels=labels)
    _check_date(document, "dateGenerated", sink)
    _check_date(document, "versionedOn", sink)
    _check_semantic(document, "version", sink)
    checksum = document.get("checksum")
    if checksum is not None and not sha256_of(document):
        message = f'"checksum" takes a sha256 of 64 hexadecimal digits, not {reader.shown(checksum.slot.value)}'
        sink.report(codes.FIELD_VALUE, message, checksum.at)
    check_tags(document, sink)


def sha256_of(dataset: View) -> str:
    """The checksum of a data set's content as its digits; empty where there is none."""
    digits = dataset.text("checksum").lower().removeprefix("sha256:")
    return digits if len(digits) == 64 and not digits.strip("0123456789abcdef") else ""


def _contradiction(document: View, one: str, other: str, what: str, sink: Sink) -> None:
    labels = (Label(document.slot.span(other), "the state is here"),)
    sink.report(codes.CONTRADICTION, f"this data set is {what}", document.slot.span(one), labels=labels)


def _check_date(document: View, key: str, sink: Sink) -> None:
    from datetime import date, datetime

    found = document.get(key)
    if found is None or not found.is_text:
        return
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            read(found.value.strip())
            return
        except ValueError:
            continue
    message = f'"{key}" takes a date such as 2019-08-22, not {reader.shown(found.slot.value)}'
    sink.report(codes.FIELD_VALUE, message, found.at)


def _check_semantic(document: View, key: str, sink: Sink) -> None:
    from re import fullmatch

    found = document.get(key)
    if (
        found is not None
        and found.is_text
        and not fullmatch(r"[0-9]+(\.[0-9]+){0,2}([-+][0-9A-Za-z.+-]+)?", found.value)
    ):
        message = f'"{key}" takes a semantic version such as 1.0.1, not {reader.shown(found.slot.value)}'
        sink.report(codes.FIELD_VALUE, message, found.at)


def check_tags(document: View, sink: Sink) -> None:
    """Keys are unique among the tags, properties and hyperparameters of one object."""
    for field in ("tags", "properties", "hyperparameters", "parameters"):
        _check_twice(field, (item.get("key") for item in document.listed(field)), sink)


def _check_twice(field: str, given: Iterable[View | None], sink: Sink) -> None:
    seen: dict[str, View] = {}
    for item in given:
        if item is None or not item.is_text:
            continue
        first = seen.setdefault(item.value, item)
        if first is not item:
            message = f'"{item.value}" stands twice under "{field}"'
            sink.report(codes.DUPLICATE, message, item.at, labels=(Label(first.at, "first here"),))


def check_store(document: View, sink: Sink) -> None:
    """A datastore's connection holds placeholders only (M24), however deep they stand."""
    pending = [document]
    while pending:
        for key, value in pending.pop().entries():
            if not value.is_text:
                pending += [value] if value.is_mapping else value.each()
            elif _plain(key) in ("connectionstring", "url", "uri", "dsn", "jdbcurl"):
                if not _is_open(value.value):
                    check_placeholder(value, sink, literal=True)
            elif _is_secret(key):
                check_placeholder(value, sink)


def _plain(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")


def _is_secret(key: str) -> bool:
    return _plain(key) == "key" or any(word in _plain(key) for word in _SECRET_WORDS)


def _is_open(connection: str) -> bool:
    """Whether a connection's text holds no credential: one that it names is a placeholder."""
    from re import match

    if is_placeholder(connection):
        return True
    login = match(r"[A-Za-z0-9+.:-]*://([^/@\s]*)@", connection)
    if login is not None and not is_placeholder(login[1].partition(":")[2]):
        return False
    pairs = [part.partition("=") for part in connection.replace("?", ";").replace("&", ";").split(";")]
    return all(
        is_placeholder(value) for key, _, value in pairs if _is_secret(key.strip()) or _plain(key.strip()) == "sig"
    )


def check_path(document: View, sink: Sink) -> None:
    """A data path names its store, and a path, a table or a query in it."""
    if document.get("DataStore") is None:
        sink.report(core.MISSING_KEY, 'a data path needs "DataStore"', document.slot)
    given = [key for key in ("RelativePath", "Table", "Query") if document.get(key) is not None]
    if not given:
        sink.report(core.MISSING_KEY, 'a data path needs one of "RelativePath", "Table" or "Query"', document.slot)
    if len(given) > 1:
        message = f"a data path is one of {' and '.join(given)}, not several"
        sink.report(core.KEYS_EXCLUDE, message, document.key_span(given[1]))


def check_artifact(document: View, sink: Sink) -> None:
    """An artifact is made by a run, and lies at a data path."""
    if document.get("created_by") is None and document.get("created_by_run_id") is None:
        sink.report(core.MISSING_KEY, 'an artifact needs "created_by", the id of its run', document.slot)
    path = document.get("data_path")
    if path is not None:
        check_path(path, sink)
    elif document.get("path") is None:
        sink.report(core.MISSING_KEY, 'an artifact needs "data_path"', document.slot)
    check_tags(document, sink)


def check_module(document: View, sink: Sink) -> None:
    """A module has versions of different names; a version's interface may be open (M31)."""
    versions = document.listed("versions")
    if document.get("versions") is None and document.get("version") is None:
        sink.report(core.MISSING_KEY, 'a module needs "versions"', document.slot)
    check_unique((name for item in versions for name in [item.get("version")] if name is not None), "versions", sink)
    for version in versions or [document]:
        check_interface(version, sink)


def check_interface(version: View, sink: Sink) -> None:
    """M31, and ports and parameters of different names."""
    open_ones = [key for key in ("inputs", "outputs", "params") if version.text(key).upper() == "TBD"]
    if open_ones:
        names = " and ".join(f'"{key}"' for key in open_ones)
        message = (
            f"{names} of this module {'are' if len(open_ones) > 1 else 'is'} open: they are not checked at its steps"
        )
        sink.report(codes.OPEN_INTERFACE, message, version.slot.span(open_ones[0]))
    for key in ("inputs", "outputs", "params"):
        listed = [item.get("name") for item in version.listed(key) if item.is_mapping]
        check_unique((name for name in listed if name is not None), key, sink)


def check_run(document: View, sink: Sink) -> None:
    """Metrics are numbers where they say so (M29); a run is not its own parent."""
    own = document.text("id")
    for parent in document.listed("parent_run_id"):
        if own and parent.value == own:
            sink.report(codes.CONTRADICTION, "a run is its own parent", parent.at)
    for child in document.listed("child_run_ids"):
        if own and child.value == own:
            sink.report(codes.CONTRADICTION, "a run is its own child", child.at)
    check_metrics(document, sink)
    check_tags(document, sink)
    names = [item.get("name") or item.get("key") for item in document.listed("artifacts")]
    check_unique((name for name in names if name is not None), "artifacts of one run", sink)


def check_metrics(document: View, sink: Sink) -> None:
    """M29: what is called a number is one; one that stands as text is read as the number, and that is said."""
    from compiler.yamltree import Quoted

    for metric in document.listed("metrics"):
        value, kind = metric.get("value"), metric.text("value_type")
        if value is None:
            continue
        if kind in ("array", "object") and value.is_text:
            message = f'"{metric.text("key")}" is said to be an {kind}, and is {reader.kind_of(value.slot.value)}'
            sink.report(codes.METRIC_VALUE, message, value.at)
        elif kind in ("NUMBER", "scalar"):
            if not value.is_text or reader.number_of(value.value) is None:
                shown = reader.shown(value.slot.value)
                message = f'"{metric.text("key")}" is said to be a number, and is {shown}'
                sink.report(codes.METRIC_VALUE, message, value.at)
            elif isinstance(value.slot.value, Quoted):
                message = f'"{metric.text("key")}" is a number in quotes: it is read as the number'
                sink.report(codes.METRIC_TEXT, message, value.at)


def check_metadata(document: View, sink: Sink) -> None:
    """The sections that a job is made again from: framework and model have names."""
    for section in ("framework", "model"):
        found = document.get(section)
        if found is not None and not any(key == "name" for key, _ in found.flat()):
            sink.report(core.MISSING_KEY, f'"{section}" needs "name"', found.key_span())


def check_model(document: View, sink: Sink) -> None:
    """The older form of a model: its framework, and URIs of what it needs at run time."""
    if document.get("framework", "name") is None:
        sink.report(core.MISSING_KEY, 'a model needs "framework" with "name"', document.slot)
    artifacts = document.get("runtimeArtifacts")
    for name, value in artifacts.entries() if artifacts is not None else ():
        if value.is_mapping and value.get("location") is None:
            sink.report(core.MISSING_KEY, f'the artifact "{name}" needs "location"', value.key_span())


def check_record(document: View, sink: Sink) -> None:
    """A log record's fields have different names within their group."""
    for group in ("applicationInfo", "requestInfo", "resultInfo", "modelInfo", "inputs", "prediction"):
        _check_twice(group, document.listed(group) if document.get(group) is not None else (), sink)


def check_objectives(document: View, sink: Sink) -> None:
    from compiler.frontends.mlspec.gates import read_objectives

    found = document.get("objectives")
    if found is not None and not read_objectives(found, sink) and not found.each():
        sink.report(core.EMPTY_VALUE, "there is no objective", found.key_span())


CHECKS: dict[str, Check] = {
    "dataset": check_dataset,
    "datastore": check_store,
    "datapath": check_path,
    "artifact": check_artifact,
    "module": check_module,
    "moduleVersion": check_module,
    "run": check_run,
    "experiment": check_run,
    "metadata": check_metadata,
    "model": check_model,
    "inferenceLog": check_record,
    "inferenceRequest": check_record,
    "objectives": check_objectives,
}
