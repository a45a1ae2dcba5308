"""Findings that only AME's manifests have: HR21xx shape, HR31xx meaning."""

from __future__ import annotations

from compiler.diagnostics import ERROR, NOTE, WARNING, Code

IGNORED_KEY = Code("HR2101", "ame-ignored-key", WARNING, "a key or a tag that AME ignores")
OTHER_SPELLING = Code("HR2102", "ame-other-spelling", NOTE, "a spelling that AME's current reader refuses")
NO_EXECUTOR = Code("HR2103", "ame-no-executor", ERROR, "an executor that AME does not have, or none at all")
DROPPED_SECRET = Code("HR2104", "ame-dropped-secret", WARNING, "a secret that AME drops without a word")
ODD_RESOURCE = Code("HR2105", "ame-odd-resource", WARNING, "a resource that Kubernetes or headrace does not know")

LOST_REFERENCE = Code("HR3101", "ame-lost-reference", WARNING, "a reference that AME does not resolve")
LOST_FIELD = Code("HR3102", "ame-lost-field", WARNING, "a field that AME loses on the way to a task")
LOST_TRIGGER = Code("HR3103", "ame-lost-trigger", WARNING, "a trigger that AME does not pull as it is written")
SECOND_NAME = Code("HR3104", "ame-second-name", WARNING, "a second thing of one name, which AME never finds")
NOTHING_TO_RUN = Code(
    "HR3105", "ame-nothing-to-run", NOTE, "a project without a task, a model or a data set of its own"
)
CHANGED_NAME = Code("HR3106", "ame-changed-name", NOTE, "a name that not every system takes")
