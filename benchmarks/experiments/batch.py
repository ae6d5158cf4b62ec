"""A hundred thousand rows overnight: what runs cost, and what they cost started again."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import killed, manifest, mixed, onlooker, run_report
from benchmarks.bench import Bench, Entry
from benchmarks.meter import Figures
from benchmarks.report import Goal, Section, Table, number, shown
from benchmarks.station import Failed, server

KILLS = 3
PLAIN, KEYED = "`map`, no journal", "`map`, keyed and journalled"
RESULTS, WHOLE = "`map`, keyed, results written by hand", "`akool run`, no files"
SLOW_LINK = {"media": 20_000, "link": 0.5}
"""Bytes of a result, and seconds until one comes."""

TEXT = """\
Rows of three operations: half of them pictures, a quarter speeches and a quarter videos, the last
two looked up one by one. A job takes 0.1 s, and each is looked at every 0.15 s, 500 at once: so the
client's core is full. *By hand* is `akool.map` over the same file; *results written* adds a line
for each row. Lag is how late a probe wakes up that sleeps for 10 ms at a time. The ETA's error is a
part of the time that is left in truth. On the slow link each result of 20 kB takes half a second, 8
at once; memory is the peak above that of a process that has carried out three rows, until the last
row has ended, when nearly all results wait. The half done run has all the rows of the one before
in its journal; half of its manifest is new. *Checking* is `batch.check` beside a loop that decodes
each line and makes its request. The report is of a made-up journal; it is painted in Debian's
chromium. Somebody who looks has a stream of figures open, and reads a page of rows, unfiltered,
filtered or searched, five times a second. The script by hand is `benchmarks/script.py`; it and
`akool run --no-save` are killed three times with SIGKILL, and started again. A row whose create was
under way in that moment is in doubt: `akool run` does not pay for it again, and names it."""


def batch(bench: Bench) -> Section:
    """Measure runs of many rows."""
    section = Section("batch", "A hundred thousand rows overnight", TEXT)
    with tempfile.TemporaryDirectory() as folder:
        night = Night(bench, section, Path(folder))
        for part in (
            night.cost,
            night.whole,
            night.memory,
            night.checking,
            night.report,
            night.looked_at,
            night.killed,
        ):
            try:
                part()
            except (Failed, OSError, KeyError) as error:
                bench.failures.append(f"{part.__name__}: {error}")
    return section


class Night:
    """The measurements of one section.

    Args:
        bench: Runs contestants.
        section: Takes tables and goals.
        folder: Where manifests and runs are.
    """

    def __init__(self, bench: Bench, section: Section, folder: Path) -> None:
        self._bench = bench
        self._size = bench.size
        self._section = section
        self._folder = folder
        self._places = 0

    def cost(self) -> None:
        """Compare keyed rows with plain ones."""
        count = self._size.many
        path = self._manifest(count)
        found: dict[str, list[Figures]] = {PLAIN: [], KEYED: []}
        for _ in range(self._size.repeats):
            for label, mode in ((PLAIN, "plain"), (KEYED, "keyed")):
                taken = self._taken(path, count)
                found[label].append(self._bench.one("batch_hand", **taken, mode=mode))
        mixed_rows = {label: _median(each, "cpu") for label, each in found.items()}
        entries = [
            Entry(label, "journalled", {"count": count, "mode": mode, "places": 500})
            for label, mode in ((PLAIN, "plain"), (KEYED, "keyed"))
        ]
        pictures = {
            label: each["cpu"]
            for label, each in self._bench.compare(entries, repeats=self._size.repeats).items()
        }
        rows: list[tuple[str, ...]] = [
            (label, shown("{:.0f}", cpu), shown("{:.0f}", pictures[label]))
            for label, cpu in mixed_rows.items()
        ]
        ratios = [each[KEYED] / each[PLAIN] for each in (mixed_rows, pictures)]
        rows.append(("×", *(shown("{:.2f}", ratio) for ratio in ratios)))
        head = ["CPU, µs/row", "mixed rows", "pictures alone, looked up 300 at a time"]
        self._table(f"{number(count)} rows, by hand", head, rows)
        self._goal("CPU per row, keyed and journalled, × plain `map`; mixed rows", 1.5, ratios[0])

    def whole(self) -> None:
        """Carry out a run beside the same by hand; start it again, done and half done."""
        count = self._size.most
        path, place = self._manifest(count), self._place()
        taken: dict[str, Any] = {"path": str(path), "count": count}
        hand = self._bench.one("batch_hand", **taken, mode="results", place=self._place())
        run = self._bench.one("batch_whole", **taken, place=place)
        rows = [_costs(RESULTS, hand), _costs(WHOLE, run)]
        head = ["", "CPU, µs/row", "requests/row", "wall (s)", "lag p99 (ms)", "longest", "server"]
        self._table(f"{number(count)} rows, whole", head, rows)
        self._goal("whole run: CPU per row, × `map` by hand", 1.15, run["cpu"] / hand["cpu"])
        self._goal("loop lag p99 during a run, ms", 25, run["lag_p99"], "{:.1f}")
        for part in (25, 50, 75):
            self._goal(f"ETA after {part} % of a run: error", 0.10, run[f"eta_{part}"])
        self._again(path, count, Path(place) / "whole.run")

    def _again(self, path: Path, count: int, run: Path) -> None:
        done = self._bench.one("batch_again", path=str(path), count=count, run=str(run))
        half = mixed.manifest(
            self._folder / "half.jsonl",
            mixed.rows(count // 2),
            mixed.rows(count // 2, name="new"),
        )
        first = self._bench.one("batch_again", path=str(half), count=count, run=str(run))
        rows = [
            ("done: CPU, µs/row", shown("{:.1f}", done["cpu"])),
            ("done: rows that were known", number(round(done["known"]))),
            ("half done: seconds to the first create", shown("{:.2f}", first["first"])),
            ("lag p99 while restoring (ms)", shown("{:.1f}", done["lag_p99"])),
        ]
        self._table(f"the run of {number(count)} rows, started again", ["", ""], rows)
        self._goal("a run that is done, started again: CPU, µs/row", 20, done["cpu"], "{:.1f}")
        self._goal("half done, to its first create, s", 2, first["first"])
        self._goal("loop lag p99 while restoring, ms", 25, done["lag_p99"], "{:.1f}")

    def memory(self) -> None:
        """Measure the memory of runs whose results come slowly."""
        sizes = (self._size.few, self._size.many, self._size.most)
        peaks: list[float] = []
        table: list[tuple[str, ...]] = []
        for count in sizes:
            taken = self._taken(self._manifest(count), count)
            found = self._bench.one("batch_slow", served=SLOW_LINK, **taken)
            peaks.append(found["peak"] / 1e6)
            cells = (found["peak"] / 1e6, found["behind"])
            table.append((number(count), shown("{:.1f}", cells[0]), shown("{:.0f}", cells[1])))
        self._table("a slow link", ["rows", "peak added (MB)", "results that wait"], table)
        most, few = number(sizes[-1]), number(sizes[0])
        self._goal(f"peak memory of a run, slow link, {most} rows, MB", 60, peaks[-1], "{:.0f}")
        growth = peaks[-1] / peaks[0]
        self._goal(f"peak memory of a run, slow link, {most} rows, × {few}", 1.2, growth)

    def checking(self) -> None:
        """Compare a check with reading and building the values."""
        count = self._size.most
        found = manifest.measured(self._folder, count)
        alone = found[manifest.ALONE][0]
        rows = [
            (title, shown("{:.2f}", spent * 1e6), shown("{:.2f}", spent / alone), f"{held:.0f}")
            for title, (spent, held) in found.items()
        ]
        self._table(f"{number(count)} rows, checked", ["", "CPU, µs/row", "×", "B/row"], rows)
        usual = found["check, names {key}{ext}"][0] / alone
        self._goal("checking rows as `--check` does, × reading and building them", 1.5, usual)

    def report(self) -> None:
        """Make reports, and open them in a browser."""
        rows: list[tuple[str, ...]] = []
        for count, made, painted in ((self._size.many, 1, 0.5), (self._size.most, 8, 3)):
            found = run_report.measured(self._folder / f"report-{count}.run", count)
            forms = {"made": "{:.2f}", "memory": "{:.0f}", "size": "{:.1f}", "painted": "{:.2f}"}
            names = {**forms, "whole": "{:.2f}", "keystroke": "{:.0f}"}
            rows.append(
                (number(count), *(shown(form, found[name]) for name, form in names.items()))
            )
            about = f"report of {number(count)} rows"
            self._goal(f"{about}: made, s", made, found["made"])
            self._goal(f"{about}: painted, s", painted, found["painted"])
        head = ["rows", "made (s)", "MB", "page (MB)", "painted (s)", "whole (s)", "keystroke (ms)"]
        self._table("the report", head, rows)

    def looked_at(self) -> None:
        """Carry out runs with and without somebody who looks at them."""
        count = 2 * self._size.many
        path = self._manifest(count)
        rates: dict[bool, list[Figures]] = {False: [], True: []}
        took: list[float] = []
        for _ in range(self._size.repeats):
            for open_ in (False, True):
                place = self._place()
                taken: dict[str, Any] = {"path": str(path), "count": count, "place": place}
                if not open_:
                    rates[open_].append(self._bench.one("batch_seen", **taken))
                    continue
                with onlooker.looking(Path(place) / "seen.run") as pages:
                    rates[open_].append(self._bench.one("batch_seen", **taken))
                took += pages
        alone, seen = (_median(rates[open_], "rate") for open_ in (False, True))
        page = onlooker.p95(took)
        rows = [
            ("jobs per second, nobody looks", shown("{:.0f}", alone)),
            ("jobs per second, the dashboard is open", shown("{:.0f}", seen)),
            ("a page of rows, p95 (ms)", shown("{:.1f}", page)),
        ]
        self._table(f"{number(count)} rows, looked at", ["", ""], rows)
        self._goal(
            "seconds of a run with its dashboard open, × without (1 / 0.97)", 1.03, alone / seen
        )
        self._goal("dashboard: p95 of a page of rows, ms", 50, page, "{:.1f}")

    def killed(self) -> None:
        """Kill a script by hand and a run three times each."""
        count = 2 * self._size.few
        path = mixed.photos(self._folder / "photos.csv", count)
        results, run = self._folder / "by-hand.csv", self._folder / "killed.run"
        flags = ["--operation", "reage.image", "--no-save", "--quiet"]
        commands: Mapping[str, list[str]] = {
            "a script by hand": ["benchmarks.script", str(path), str(results)],
            "`akool run`": ["akool_async.cli", "run", str(path), *flags, "--out", str(run)],
        }
        rows: list[tuple[str, ...]] = []
        for title, command in commands.items():
            with server(median=mixed.SECONDS) as url:
                found = killed.killed(command, url, count, KILLS)
            target = results if title == "a script by hand" else run / "results.jsonl"
            cells = [shown("{:.0f}", found["cpu"]), shown("{:.2f}", found["requests"])]
            rows.append(
                (title, *cells, number(round(found["created"])), number(killed.lines(target)))
            )
            self._bench.say(f"{title}, killed {KILLS} times")
        head = ["", "CPU, µs/row", "requests/row", "creates", "results"]
        self._table(f"{number(count)} rows, killed {KILLS} times", head, rows)

    # What they share

    def _manifest(self, count: int) -> Path:
        path = self._folder / f"rows-{count}.jsonl"
        return path if path.exists() else mixed.manifest(path, mixed.rows(count))

    def _place(self) -> str:
        self._places += 1
        place = self._folder / f"place-{self._places}"
        place.mkdir()
        return str(place)

    def _taken(self, path: Path, count: int) -> dict[str, Any]:
        return {"path": str(path), "count": count, "place": self._place()}

    def _table(self, title: str, head: list[str], rows: Iterable[tuple[str, ...]]) -> None:
        self._section.tables.append(Table(head, list(rows), title))

    def _goal(self, figure: str, bound: float, measured: float, form: str = "{:.2f}") -> None:
        self._section.goals.append(Goal(figure, bound, measured, form))


def _median(runs: Iterable[Figures], figure: str) -> float:
    return statistics.median(run[figure] for run in runs)


def _costs(label: str, found: Figures) -> tuple[str, ...]:
    names = ("cpu", "requests", "wall", "lag_p99", "lag_most", "server_share")
    forms = ("{:.0f}", "{:.2f}", "{:.1f}", "{:.1f}", "{:.0f}", "{:.2f}")
    cells = (shown(form, found[name]) for form, name in zip(forms, names, strict=True))
    return label, *cells
