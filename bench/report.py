"""The figures as Markdown, and their place in docs/bench.md."""

from __future__ import annotations

from bench.plot import Series, render_plot
from bench.results import HOLD, STRETCH, Cell, Cells
from bench.rows import Row

BEGIN = "<!-- measured: written by python -m bench.run, do not edit -->"
END = "<!-- /measured -->"
PLOTS = """\
![CPU seconds against jobs](bench/cpu.svg)

![Peak memory against jobs](bench/memory.svg)

Both axes are logarithmic; a dotted line only leads from a row's last point to its name."""


def render_report(rows: list[Row], cells: Cells, left_out: dict[str, str], facts: dict[str, str]) -> str:
    """One table a size, the machine above and what is missing below; `left_out` says why a row has no figures."""
    sizes = sorted({size for _, size in cells})
    parts = ["  \n".join(f"{name}: {value}" for name, value in facts.items())]
    parts += [render_size(rows, cells, size) for size in sizes]
    if left_out:
        parts.append("Left out:\n\n" + "\n".join(f"- {name}: {why}" for name, why in left_out.items()))
    return "\n\n".join(parts) + "\n"


def render_size(rows: list[Row], cells: Cells, size: int) -> str:
    """The rows that were run at one size, in their order, with the budgets of that size."""
    lines = [
        f"### {size:,} jobs",
        "",
        "| tool | target | CPU s | × yamloom | wall s | peak MB | bytes a job | rounds | remark |",
        "|---|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    lines += [_line(row, cells[row.name, size], size) for row in rows if (row.name, size) in cells]
    for name, budgets in (("to hold", HOLD), ("to reach", STRETCH)):
        if size in budgets:
            cpu, ratio, megabytes = budgets[size]
            lines.append(f"| *headrace, {name}* | | {cpu:.3f} | {ratio:.2f} | | {megabytes:.0f} | | | budget |")
    return "\n".join(lines)


def _line(row: Row, cell: Cell, size: int) -> str:
    name = f"**{row.name}**" if row.name.startswith("headrace") else row.name
    costs = f"{cell.wall:.3f} | {cell.rss / 1e6:.0f}"
    if cell.failure:
        remark = f"**{cell.failure}**"
        return f"| {name} | {row.target} | {cell.cpu:.3f} | | {costs} | | {cell.rounds} | {remark} |"
    ratio = "" if cell.ratio is None else f"{cell.ratio:.2f}"
    written = f"{cell.written / size:,.0f}" if row.last_task else ""
    return f"| {name} | {row.target} | {cell.cpu:.3f} | {ratio} | {costs} | {written} | {cell.rounds} | {row.remark} |"


def read_cells(document: str) -> Cells:
    """The figures that stand in the document's tables, as precise as they are written there."""
    found: Cells = {}
    size = 0
    for line in document.partition(BEGIN)[2].partition(END)[0].splitlines():
        if line.startswith("### "):
            number = line.split()[1].replace(",", "")
            size = int(number) if number.isdigit() else 0
        columns = [column.strip() for column in line.strip("|").split("|")]
        if size and len(columns) == 9 and columns[7].isdigit():
            found[columns[0].strip("*"), size] = _read_cell(columns, size)
    return found


def _read_cell(columns: list[str], size: int) -> Cell:
    _, _, cpu, ratio, wall, megabytes, written, rounds, remark = columns
    return Cell(
        cpu=float(cpu),
        wall=float(wall),
        rss=float(megabytes) * 1e6,
        written=float(written.replace(",", "") or 0) * size,
        rounds=int(rounds),
        failure=remark.strip("*") if remark.startswith("**") else "",
        ratio=float(ratio) if ratio else None,
    )


def render_starts(rows: list[Row], cells: Cells) -> str:
    """What a cold start is made of; each part beside the bare interpreter."""
    bare = next((cells[row.name, row.largest].cpu for row in rows if row.name == "bare python"), None)
    lines = [
        "### Cold start",
        "",
        "| command | CPU ms | over bare python | wall ms | peak MB |",
        "|---|--:|--:|--:|--:|",
    ]
    for row in rows:
        cell = cells[row.name, row.largest]
        over = "" if bare is None or cell.failure else f"{(cell.cpu - bare) * 1000:+.0f}"
        name = f"{row.name} (**{cell.failure}**)" if cell.failure else row.name
        lines.append(f"| {name} | {cell.cpu * 1000:.0f} | {over} | {cell.wall * 1000:.0f} | {cell.rss / 1e6:.0f} |")
    return "\n".join(lines) + "\n"


def replace_measured(document: str, measured: str) -> str:
    """The document with `measured` between the markers; raises ValueError where they are missing."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no place for the figures: expected the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{measured.strip()}\n\n{END}{after}"


def draw(names: list[str], cells: Cells) -> dict[str, str]:
    """The plots that the page shows, by file name; a failed row has no point, and its name says where it failed."""
    failed = {name: f"{name}, fails at {size:,}" for (name, size), cell in cells.items() if cell.failure}
    labels = {name: failed.get(name, name) for name in names}
    cpu: Series = {label: [] for label in labels.values()}
    memory: Series = {label: [] for label in labels.values()}
    for (name, size), cell in cells.items():
        if not cell.failure:
            cpu[labels[name]].append((size, cell.cpu))
            memory[labels[name]].append((size, cell.rss / 1e6))
    return {
        "cpu.svg": render_plot("CPU to compile N jobs, whole process", "CPU seconds", cpu),
        "memory.svg": render_plot("Peak memory to compile N jobs", "peak MB", memory),
    }
