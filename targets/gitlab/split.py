"""A pipeline that is too large for one file: parts as child pipelines, in the order of their jobs.

A trigger job ends when its child has ended, so a part starts after the parts that it needs, whole. A child's artifacts
can't be had in another child, since nobody knows that pipeline's number when the file is written: they go through the
project's package registry, in jobs before and after the parts' own.

What runs on failure, or always, comes last with all that needs it, in late parts. Those start however the parts before
them ended, and what became of the jobs there is asked of the registry: a job that fetches fails as the other one did.
https://docs.gitlab.com/ci/pipelines/downstream_pipelines/ and https://docs.gitlab.com/user/packages/generic_packages/
"""

from __future__ import annotations

from compiler import codes as core
from compiler import graph
from compiler.condition import disjoin
from compiler.diagnostics import clipped
from compiler.images import HELPER
from compiler.ir import Pipeline, Project, Settings
from compiler.yamlwriter import Block
from targets import partition
from targets.commands import literal, pinned
from targets.gitlab import codes
from targets.gitlab.conditions import ConditionError
from targets.gitlab.files import File, Notes, child_path, child_trigger
from targets.gitlab.jobs import job_data, needs_of, rule_list
from targets.gitlab.limits import LIMITS
from targets.gitlab.plan import Edge, Unit, fresh, handed_on
from targets.gitlab.sizes import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from compiler.ir import Condition
    from targets.gitlab.output import Body

SHARES = (0.9, 0.6, 0.4, 0.25)  # of a file for a part's own jobs: the rest is for jobs that hand outputs on
RUN = 'python3 -I -c "$HEADRACE_RELAY"'


# How a late part asks for what became of a job elsewhere, by the `run_on` of who needs it.
ASKED = {"success": "get", "failure": "tell", "always": "seek"}


class Part:
    """One child pipeline."""

    __slots__ = ("body", "is_late", "needs", "units")

    def __init__(self, body: Body, units: list[Unit], needs: list[int], is_late: bool) -> None:
        self.body = body
        self.units = units
        self.needs = needs
        self.is_late = is_late


class Split:
    """The parts of a pipeline, and what leads from one to another. `parts` is None where there is no split."""

    def __init__(
        self, project: Project, pipeline: Pipeline, settings: Settings, notes: Notes, units: list[Unit], limit: int
    ) -> None:
        self.project = project
        self.pipeline = pipeline
        self.settings = settings
        self.notes = notes
        self.units = {unit.name: unit for unit in units}
        self.needs = {unit.name: [edge.unit.name for edge in unit.edges] for unit in units}
        self.taken = set(self.units)
        self.last: list[str] = []
        self.ended: dict[str, str] = {}
        self.late: dict[str, None] = {}
        self.late_alone: set[str] = set()
        self.parts = self._parts(limit)

    def _parts(self, limit: int) -> list[Part] | None:
        whole = File(self.project, self.pipeline, self.settings, self.notes, child=True)
        jobs = {name: job_data(unit, whole) for name, unit in self.units.items()}
        self.late = _late(self.units)
        self.late_alone = _after_failures(self.units)
        order = graph.order(self.needs)
        order = [name for name in order if name not in self.late] + [name for name in order if name in self.late]
        weight = {name: size(name) + size(jobs[name]) for name in order}
        if self._any_too_large(weight, int(limit * SHARES[0])):
            return None
        for share in SHARES:
            try:
                groups = self._groups(order, weight, int(limit * share))
            except ValueError:  # one job is larger than this share
                break
            parts = self._filled(groups, jobs, whole)
            if all(size(part.body.data({})) <= limit for part in parts):
                self._report(parts)
                return parts
        self.notes.sink.report(
            core.LIMIT,
            f'"{self.pipeline.name}" is larger than GitLab takes in a file, and its parts hand on too much',
            self.pipeline.origin or self.project.origin,
            help="make several pipelines of it, or let a store carry the outputs",
        )
        return None

    def _groups(self, order: list[str], weight: dict[str, int], limit: int) -> list[list[str]]:
        """The jobs of each part. What is left out where nothing failed stays with what needs it, where a part holds both:
        no job of another part could be left out in the same way."""
        members = {knot[0]: knot for knot in self._inseparable(order) if sum(weight[name] for name in knot) <= limit}
        if not members:
            return partition.split(order, self.needs, weight, limit, self.late)
        first = {name: one for one, knot in members.items() for name in knot}
        needs: dict[str, list[str]] = {}
        heavy: dict[str, int] = {}
        for name in order:
            one = first.get(name, name)
            heavy[one] = heavy.get(one, 0) + weight[name]
            others = [first.get(other, other) for other in self.needs[name]]
            needs.setdefault(one, []).extend(other for other in others if other != one)
        late = {name: needs[name] for name in needs if name in self.late}
        whole = [*(name for name in needs if name not in late), *graph.order(late)]
        parts = partition.split(whole, needs, heavy, limit, late)
        return [[name for one in part for name in members.get(one, (one,))] for part in parts]

    def _inseparable(self, order: list[str]) -> list[list[str]]:
        """Jobs that one part must hold, in order: those that would wait for one another if who is needed needed back."""
        both = {name: list(self.needs[name]) for name in order if name in self.late}
        for name in both:
            if (self.units[name].job.run_on or "success") == "success":
                for needed in self.needs[name]:
                    if needed in self.late_alone:
                        both[needed].append(name)
        place = {name: at for at, name in enumerate(order)}
        return [sorted(knot, key=place.__getitem__) for knot in graph.knots(both)]

    def _any_too_large(self, weight: dict[str, int], limit: int) -> bool:
        """Report the jobs that no part can hold."""
        found = [name for name, heavy in weight.items() if heavy > limit]
        for name in found:
            message = f'"{clipped(name)}" alone makes {weight[name]} bytes, a file on GitLab holds {limit}'
            self.notes.sink.report(core.LIMIT, message, self.units[name].job.origin)
        return bool(found)

    def _filled(self, groups: list[list[str]], jobs: dict[str, Block], whole: File) -> list[Part]:
        """The parts with copies of their jobs, whose needs change, and with what hands outputs on."""
        from targets.gitlab.output import Body

        self.taken = set(self.units)
        number_of = {name: number for number, group in enumerate(groups) for name in group}
        place = {name: at for at, name in enumerate(self.units)}
        parts = []
        for group, needed in zip(groups, partition.parts_needed(groups, self.needs), strict=True):
            body = Body(_like(whole))
            for name in sorted(group, key=place.__getitem__):
                body.jobs[name] = Block(jobs[name], comment=jobs[name].comment)
                body.units.append(self.units[name])
                _take_templates(jobs[name], whole, body.file)
            parts.append(Part(body, body.units, needed, group[0] in self.late))
        wanted: dict[str, Unit] = {}
        asked: dict[tuple[str, str], Unit] = {}
        for number, part in enumerate(parts):
            if part.is_late:
                self._ask(number, part, number_of, asked)
            else:
                self._receive(number, part, number_of, wanted)
        for number, part in enumerate(parts):
            here = [unit for name, unit in wanted.items() if number_of[name] == number and (name, "put") not in asked]
            self._send(here, part)
            for (name, verb), unit in asked.items():
                if number_of[name] == number:
                    self._answer(unit, verb, part)
        return parts

    def _report(self, parts: list[Part]) -> None:
        notes = [
            "a part starts when the parts that it needs have ended, with all their jobs",
            "outputs reach another part through the project's package registry, under headrace-relay: clean it up there",
        ]
        if any(part.is_late for part in parts):
            notes.append("what runs on failure, or always, comes in parts that start however those before them ended")
        self.notes.sink.report(
            core.SPLIT,
            f'"{self.pipeline.name}" is larger than GitLab takes in one file: it becomes {len(parts)} child pipelines',
            self.pipeline.origin,
            notes=tuple(notes),
        )

    # ------------------------------------------------------------------------------------------------------ between parts

    def _receive(self, number: int, part: Part, number_of: dict[str, int], wanted: dict[str, Unit]) -> None:
        """Take needs out that lead to another part; outputs that came over them come from the registry."""
        fetched: dict[object, str] = {}
        for unit in list(part.units):
            outside = [edge for edge in unit.edges if number_of[edge.unit.name] != number]
            if not outside:
                continue
            gone = {edge.unit.name for edge in outside}
            data = part.body.jobs[unit.name]
            kept = [need for need in data["needs"] if (need if isinstance(need, str) else need["job"]) not in gone]
            for edge in outside:
                if edge.artifacts and handed_on(edge):
                    wanted[edge.unit.name] = edge.unit
                    name = self._fetch(edge, part, fetched)
                    kept.append({"job": name, "optional": True} if edge.optional else name)
            data["needs"] = kept

    def _fetch(self, edge: Edge, part: Part, fetched: dict[object, str], verb: str = "get") -> str:
        key = (edge.unit.name, edge.covered, verb)
        name = fetched.get(key)
        if name is None:
            name = fetched[key] = fresh(f"fetch-{edge.unit.name}", self.taken)
            words = " ".join(literal(package) for package, _ in _packages(edge.unit))
            data = self._relay([f"{RUN} {verb} {words}"], [], edge.unit, part)
            paths = handed_on(edge)
            if paths:
                data["artifacts"] = {"when": "always", "paths": paths} if verb == "tell" else {"paths": paths}
            part.body.jobs[name] = data
        return name

    def _ask(self, number: int, part: Part, number_of: dict[str, int], asked: dict[tuple[str, str], Unit]) -> None:
        """Let needs that lead out of a late part be needs of jobs that end as those did. (What always runs waits for
        whole parts already, and asks only for outputs.)"""
        fetched: dict[object, str] = {}
        refused: set[str] = set()
        for unit in list(part.units):
            run_on = unit.job.run_on or "success"
            data = part.body.jobs[unit.name]
            outside = {edge.unit.name: edge for edge in unit.edges if number_of[edge.unit.name] != number}
            kept = []
            for need in data["needs"]:
                edge = outside.get(need if isinstance(need, str) else need["job"])
                if edge is None:
                    kept.append(need)
                    continue
                takes = edge.artifacts and bool(handed_on(edge))
                if run_on == "always" and not takes:
                    continue
                if run_on == "success" and edge.unit.name in self.late_alone and unit.name not in refused:
                    refused.add(unit.name)
                    self._refuse(unit, edge)
                asked[edge.unit.name, "put"] = edge.unit
                verb = "tell" if edge.optional and run_on == "success" else ASKED[run_on]
                if verb == "seek" and (edge.unit.name, edge.covered, "tell") in fetched:
                    verb = "tell"  # one skipped need would let the unit begin before another fetch has ended
                if verb == "tell":
                    asked[edge.unit.name, "fail"] = edge.unit
                name = self._fetch(edge, part, fetched, verb)
                full = {"job": name, **({} if takes else {"artifacts": False})}
                if edge.optional:
                    full["optional"] = True
                kept.append(name if len(full) == 1 else full)
            data["needs"] = kept

    def _refuse(self, unit: Unit, edge: Edge) -> None:
        self.notes.sink.report(
            codes.ORDER_OF_FAILURE,
            f'"{unit.job.name}" needs "{edge.unit.job.name}", which runs after a failure alone, and no part of the split holds both',
            unit.job.origin,
            help="let it run on failure itself, or make a pipeline of its own of what comes before",
        )

    def _answer(self, unit: Unit, verb: str, part: Part) -> None:
        """The jobs that put a unit's outputs, or word that it failed, where late parts ask for them."""
        for package, edge in _packages(unit):
            if verb == "put":
                self._keep([(package, edge)], part)
                continue
            name = fresh("keep-failure", self.taken)
            needs = needs_of([Edge(edge.unit, edge.legs, False, False)])
            part.body.jobs[name] = self._relay([f"{RUN} fail {literal(package)}"], needs, unit, part, "on_failure")

    def _send(self, units: list[Unit], part: Part) -> None:
        """Jobs that put outputs into the registry: as few as their needs allow, since nobody in this part waits."""
        groups: dict[Condition | None, list[tuple[str, Edge]]] = {}
        for unit in units:
            groups.setdefault(unit.condition, []).extend(_packages(unit))
        for group in groups.values():
            batch: list[tuple[str, Edge]] = []
            for package, edge in group:
                if batch and sum(one.count for _, one in batch) + edge.count > LIMITS["needs"]:
                    self._keep(batch, part)
                    batch = []
                batch.append((package, edge))
            self._keep(batch, part)

    def _keep(self, batch: list[tuple[str, Edge]], part: Part) -> None:
        lines = [
            " ".join([RUN, "put", literal(package), *(literal(path) for path in handed_on(edge))])
            for package, edge in batch
        ]
        name = fresh("keep-outputs", self.taken)
        part.body.jobs[name] = self._relay(lines, needs_of([edge for _, edge in batch]), batch[0][1].unit, part)

    def _relay(self, lines: list[str], needs: list[Any], unit: Unit, part: Part, when: str | None = None) -> Block:
        data: dict[str, Any] = {
            "extends": part.body.file.script_template("relay"),
            "image": {"name": pinned(self.project, HELPER), "entrypoint": [""]},
            "needs": needs,
        }
        if unit.condition is not None:
            try:
                data["rules"] = rule_list(unit.condition, part.body.file, when)
            except ConditionError:
                data["rules"] = [{"when": "never"}]  # the unit's own rules have reported it
        elif when is not None:
            data["when"] = when
        data["script"] = lines
        path = unit.job.origin.path if unit.job.origin is not None else unit.job.name
        return Block(data, comment=f"{self.project.manifest}: {path}")

    # ----------------------------------------------------------------------------------------------------- the trigger jobs

    def trigger_jobs(self, file: File, source: str, forward: list[str] | None) -> list[tuple[str, dict[str, Any]]]:
        """The jobs that start the parts. `forward`: the parameters' variables in a main file; None in a child, whose
        own variables all go on."""
        assert self.parts is not None
        found: list[tuple[str, dict[str, Any]]] = []
        conditional: set[int] = set()
        called = [fresh(f"{self.pipeline.name}-{number}", self.taken) for number in range(1, len(self.parts) + 1)]
        for number, part in enumerate(self.parts):
            data: dict[str, Any] = {}
            when = "always" if part.is_late else None
            rules = self._rules(part, file, when)
            if rules is not None:
                conditional.add(number)
            elif file.starts:
                rules = rule_list(None, file, when)
            before = {called[other]: other in conditional for other in part.needs}
            if part.is_late:
                before = self._ended(part, called, before, file, found)
            data["needs"] = self._few(before, when, file, found)
            if rules is not None:
                data["rules"] = rules
            elif when is not None:
                data["when"] = when
            values: dict[str, object] = {"HEADRACE_SOURCE": source, "HEADRACE_RUN": "$CI_PIPELINE_ID"}
            data["inherit"] = {"variables": forward or False}
            trigger = child_trigger(child_path(self.pipeline.name, number + 1))
            if forward is None:
                # What this child was given goes on to its parts.
                del values["HEADRACE_SOURCE"]
                trigger["forward"] = {"pipeline_variables": True}
            data["variables"] = values
            data["trigger"] = trigger
            found.append((called[number], data))
        self.last = called
        return found

    def _ended(
        self,
        part: Part,
        called: list[str],
        before: dict[str, bool],
        file: File,
        found: list[tuple[str, dict[str, Any]]],
    ) -> dict[str, bool]:
        """What a late part waits for: a part that may be skipped stands behind a job that never is."""
        assert self.parts is not None
        waited: dict[str, bool] = {}
        for other in part.needs:
            name = called[other]
            if self.parts[other].is_late or not self.parts[other].needs:
                waited[name] = before[name]
                continue
            ended = self.ended.get(name)
            if ended is None:
                ended = self.ended[name] = fresh(f"{name}-ended", self.taken)
                found.append(
                    (ended, self._waiting({name: before[name]}, self._rules(self.parts[other], file, "always"), file))
                )
            waited[ended] = before[name]
        return waited

    def _few(
        self, before: dict[str, bool], when: str | None, file: File, found: list[tuple[str, dict[str, Any]]]
    ) -> list[Any]:
        """Needs, with jobs between that only wait where GitLab would not take so many."""
        while len(before) > LIMITS["needs"]:
            names = list(before)
            shorter = {}
            for at in range(0, len(names), LIMITS["needs"]):
                group = {name: before[name] for name in names[at : at + LIMITS["needs"]]}
                join = fresh(f"{self.pipeline.name}-join", self.taken)
                found.append(
                    (join, self._waiting(group, rule_list(None, file, when) if file.starts else None, file, when))
                )
                shorter[join] = False
            before = shorter
        return [{"job": name, "optional": True} if optional else name for name, optional in before.items()]

    def _waiting(
        self, before: dict[str, bool], rules: list[dict[str, Any]] | None, file: File, when: str | None = "always"
    ) -> dict[str, Any]:
        """A job that waits for others and does nothing."""
        if rules is None and file.starts:
            rules = rule_list(None, file, when)
        data: dict[str, Any] = {
            "image": {"name": pinned(self.project, HELPER), "entrypoint": [""]},
            "needs": [
                {"job": name, "artifacts": False, **({"optional": True} if optional else {})}
                for name, optional in before.items()
            ],
        }
        if rules is not None:
            data["rules"] = rules
        elif when is not None:
            data["when"] = when
        data["variables"] = {"GIT_STRATEGY": "none"}
        data["script"] = ["true"]
        return data

    def _rules(self, part: Part, file: File, when: str | None = None) -> list[dict[str, Any]] | None:
        """A child without a job is an error, so a part whose jobs may all be left out starts only where one is there."""
        conditions = list(dict.fromkeys(unit.condition for unit in part.units))
        if None in conditions:
            return None
        try:
            return rule_list(disjoin(*conditions), file, when)
        except ConditionError as error:
            self.notes.sink.report(
                codes.CHANGED_COMBINATION,
                f'the conditions of a part of "{self.pipeline.name}" together: {error}',
                self.pipeline.origin,
            )
            return None


def _late(units: dict[str, Unit]) -> dict[str, None]:
    """What does not run on success alone, and all that needs it."""
    found: dict[str, None] = {}
    for name in graph.order({name: [edge.unit.name for edge in unit.edges] for name, unit in units.items()}):
        unit = units[name]
        if (unit.job.run_on or "success") != "success" or any(edge.unit.name in found for edge in unit.edges):
            found[name] = None
    return found


def _after_failures(units: dict[str, Unit]) -> set[str]:
    """What is skipped where nothing failed."""
    found: set[str] = set()
    for name in graph.order({name: [edge.unit.name for edge in unit.edges] for name, unit in units.items()}):
        unit = units[name]
        run_on = unit.job.run_on or "success"
        if run_on == "failure" or (run_on == "success" and any(edge.unit.name in found for edge in unit.edges)):
            found.add(name)
    return found


def _like(file: File) -> File:
    made = File(file.project, file.pipeline, file.settings, file.notes, child=True, images=file.images)
    made.uses_cache, made.uses_event, made.used_signs = file.uses_cache, file.uses_event, file.used_signs
    return made


def _take_templates(data: dict[str, Any], whole: File, file: File) -> None:
    extends = data.get("extends", ())
    for name in (extends,) if isinstance(extends, str) else extends:
        if name in whole.templates:
            file.templates.setdefault(name, whole.templates[name])
        else:
            file.script_templates.setdefault(name, whole.script_templates[name])


def _packages(unit: Unit) -> list[tuple[str, Edge]]:
    """The packages that carry a unit's outputs, each with at most as many legs as one job can need.

    https://docs.gitlab.com/user/packages/generic_packages/#valid-package-filename-format
    """
    safe = "".join(c if c.isascii() and (c.isalnum() or c in "._+-") else f"_{ord(c):x}" for c in unit.name)
    found = []
    for at in range(0, len(unit.legs), LIMITS["needs"]):
        legs = unit.legs[at : at + LIMITS["needs"]]
        whole = len(legs) == len(unit.legs)
        name = safe if whole else f"{safe}+{at // LIMITS['needs'] + 1}"
        found.append((name, Edge(unit, None if whole else legs, True, False)))
    return found
