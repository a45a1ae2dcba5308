"""Measures `headrace compile` beside its peers in one interleaved run: `python -m bench.run --help`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from bench import report
from bench.peers import metaflow_flow
from bench.results import HEADRACE, Cells, Run, check_budgets, check_hook, medians, over_seconds
from bench.rows import CHECKOUT, COMPILATION, PRE_COMMIT, Row, headrace, interpreter, rows, starts
from bench.store import object_store
from bench.taskset import manifest

MEASURE = Path(__file__).with_name("measure.py")
DOCUMENT = CHECKOUT / "docs" / "bench.md"
PLOTS = CHECKOUT / "docs" / "bench"
FOLDERS = re.compile(r"/\S*/")


class Bench:
    """Runs rows in a folder of its own. Each row gets its task set as files that are there before the clock starts."""

    def __init__(self, folder: Path, limit: int, store: dict[str, str]) -> None:
        self.folder = folder
        self.limit = limit
        self.store = store

    def prepare(self, active: list[Row], size: int) -> None:
        """Writes the manifest of `size` jobs, that of as many which are not alike, and the flow where a row compiles one."""
        place = self.folder / str(size)
        place.mkdir(exist_ok=True)
        (place / "headrace.yaml").write_text(manifest(size), encoding="utf-8")
        (place / "unlike.headrace.yaml").write_text(manifest(size, alike=False), encoding="utf-8")
        if any("{flow}" in row.command for row in active):
            (place / "flow.py").write_text(metaflow_flow.source(size), encoding="utf-8")

    def measure(self, row: Row, size: int) -> Run:
        """One run of one row in a fresh process."""
        place = self.folder / str(size)
        output, errors = place / "output.yaml", place / "errors"
        output.unlink(missing_ok=True)
        written_by_row = any("{out}" in part for part in row.command)
        manifests = {"manifest": place / "headrace.yaml", "unlike": place / "unlike.headrace.yaml"}
        words = {"n": size, **manifests, "flow": place / "flow.py", "out": output}
        command = [part.format(**words) for part in row.command]
        launcher = [sys.executable, "-I", "-S", str(MEASURE), str(self.limit)]
        streams = [os.devnull if written_by_row else str(output), str(errors)]
        measured = subprocess.run(
            [*launcher, *streams, *command],
            cwd=place,
            env=self._environment(row),
            stdout=subprocess.PIPE,
            check=True,
        )
        cost = json.loads(measured.stdout)
        written = output.stat().st_size if output.exists() else 0
        failure = _failure(cost, self.limit, errors) or _missing(row, size, output)
        return Run(row.name, size, cost["cpu"], cost["wall"], cost["rss"], written, failure)

    def _environment(self, row: Row) -> dict[str, str]:
        """This process's, without what changes how Python runs: byte code is kept, output is buffered, no other paths."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        if row.venv or "-m" in row.command:
            environment["PYTHONPATH"] = str(CHECKOUT)
        if row.venv == "metaflow":
            environment |= self.store
        return environment


def _failure(cost: dict[str, float], limit: int, errors: Path) -> str:
    """Why a run failed, from its exit status and the last line that it wrote to stderr; empty for success."""
    if cost["expired"]:
        return f"over {limit} s"
    if cost["status"] == 0:
        return ""
    lines = errors.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no message"]
    said = FOLDERS.sub("", lines[-1])[:80].strip().replace("|", "/")
    return f"exit {cost['status']:.0f}: {said}"


def _missing(row: Row, size: int, output: Path) -> str:
    """A run that ended well but left the last task out has not compiled the task set."""
    if not row.last_task:
        return ""
    wanted = row.last_task.format(last=size - 1)
    found = output.exists() and wanted in output.read_text(encoding="utf-8", errors="replace")
    return "" if found else f"no {wanted} in the output"


def interleave(bench: Bench, chosen: list[Row], sizes: list[int], rounds: int) -> list[Run]:
    """Round-robin over the rows at each size, after one warm-up each; a row that fails is not tried again."""
    runs: list[Run] = []
    failed: set[str] = set()
    for size in sizes:
        active = [row for row in chosen if size <= row.largest and row.name not in failed]
        bench.prepare(active, size)
        for turn in range(rounds + 1):
            for row in [row for row in active if row.name not in failed]:
                run = bench.measure(row, size)
                _tell(run, turn)
                if run.failure:
                    failed.add(row.name)
                    runs = [kept for kept in runs if (kept.row, kept.size) != (row.name, size)]
                if run.failure or turn:
                    runs.append(run)
    return runs


def _tell(run: Run, turn: int) -> None:
    what = run.failure or f"{run.cpu:.3f} s of CPU, {run.rss / 1e6:.0f} MB"
    label = f"round {turn}" if turn else "warm-up"
    print(f"{run.size:>7,} {label:8} {run.row:26} {what}", file=sys.stderr, flush=True)


def installed(wanted: list[Row]) -> tuple[list[Row], dict[str, str]]:
    """The rows that can run here, and why the others can't."""
    missing = {row.name: "not installed (bench/setup)" for row in wanted if row.venv and not _is_there(row)}
    return [row for row in wanted if row.name not in missing], missing


def _is_there(row: Row) -> bool:
    return interpreter(row.venv).with_name("python").exists()


def machine(command: str | None) -> dict[str, str]:
    """What the seconds depend on."""
    version = subprocess.run(
        [*headrace(command), "--version"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    return {
        "Measured": date.today().isoformat(),
        "Machine": f"{_processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start",
        "Python": f"{platform.python_version()} on {platform.system()}",
        "Compiler": version.stdout.strip() or "none that answers to --version",
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def write_documents(measured: str, chosen: list[Row], cells: Cells) -> None:
    """docs/bench.md between its markers, and the two plots that it shows."""
    page = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(report.replace_measured(page, f"{report.PLOTS}\n\n{measured}"), encoding="utf-8")
    names = [row.name for row in chosen]
    PLOTS.mkdir(exist_ok=True)
    for file, drawing in report.draw(names, cells).items():
        (PLOTS / file).write_text(drawing, encoding="utf-8")


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("--only", metavar="TEXT", action="append", help="rows whose name holds TEXT; leaves docs alone")
    parser.add_argument(
        "--keep", action="store_true", help="with --only: write docs, the other rows as they stand there"
    )
    parser.add_argument("--sizes", metavar="N,N", default="10,1000,10000,100000", help="jobs (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds after the warm-up (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=120, help="seconds for one run (default: %(default)s)")
    parser.add_argument("--headrace", metavar="COMMAND", help="an installed command (default: this checkout)")
    parser.add_argument("--check", action="store_true", help="exit with 1 where headrace breaks its budgets")
    parser.add_argument("--print", action="store_true", dest="only_print", help="leave docs/bench.md as it is")
    parsed = parser.parse_args(arguments)
    parsed.sizes = sorted({int(size) for size in parsed.sizes.split(",")})
    if parsed.rounds < 1 or parsed.sizes[0] < 10:
        parser.error("at least one round, and at least 10 jobs")
    return parsed


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    wanted = [row for row in rows(options.headrace) if not options.only or any(t in row.name for t in options.only)]
    chosen, left_out = installed(wanted)
    facts = machine(options.headrace)
    writes = not options.only_print and (options.keep or not options.only)
    parts = starts(options.headrace) if options.keep or not options.only else []
    with tempfile.TemporaryDirectory(prefix="headrace-bench-") as name, object_store(Path(name)) as store:
        bench = Bench(Path(name), options.limit, store)
        begun = medians(interleave(bench, parts, [10], options.rounds))
        cells = medians(interleave(bench, chosen, options.sizes, options.rounds))
    if options.keep:
        earlier = report.read_cells(DOCUMENT.read_text(encoding="utf-8"))
        cells, chosen = earlier | cells, rows(options.headrace)
        others = [row.name for row in chosen if row not in wanted and any(row.name == name for name, _ in earlier)]
        facts["Of an earlier run"] = ", ".join(others)
    measured = report.render_report(chosen, cells, left_out, facts)
    if parts:
        measured += "\n" + report.render_starts(parts, begun)
    print(measured)
    if writes:
        if options.keep or ((HEADRACE, options.sizes[0]) in cells and not cells[HEADRACE, options.sizes[0]].failure):
            write_documents(measured, chosen, cells)
        else:
            print("docs/bench.md is left as it is: headrace gave no figures", file=sys.stderr)
    if not options.check:
        return 0
    for line in over_seconds(cells, options.sizes):
        print(f"slow here: {line}", file=sys.stderr)
    broken = check_budgets(cells, options.sizes) + check_hook(begun, PRE_COMMIT, COMPILATION)
    for line in broken:
        print(f"budget not held: {line}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
