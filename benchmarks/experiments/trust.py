"""How other SDKs treat paid work when a request fails."""

from __future__ import annotations

import tempfile

from benchmarks import rivals
from benchmarks.bench import Bench
from benchmarks.report import Section, Table
from benchmarks.rival_calls import SDKS

TEXT = """\
A loopback server treats one request wrongly and answers all others well. One call of a paid
create that sends several POSTs may be paid for several times. Each SDK runs with its defaults,
except for a request timeout of one second. The SDKs are installed from the package registry,
each into an environment of its own; so this section is measured on request only."""


def trust(bench: Bench) -> Section:
    """Run every SDK that can be installed."""
    section = Section("rivals", "Paid work in other SDKs", TEXT)
    with tempfile.TemporaryDirectory() as folder:
        places = {name: rivals.environment(name, folder) for name in SDKS}
        bench.say("environments are ready")
        for name, (title, faults, _) in rivals.TABLES.items():
            table = Table([title, *(part for fault in faults for part in fault.split(" | "))])
            for sdk, place in places.items():
                if place is None or (name == "wait" and SDKS[sdk].wait is None):
                    continue
                python, version = place
                told = [rivals.cell(python, name, sdk, fault) for fault in faults]
                cells = [part for each in told for part in each.split(" | ")]
                table.rows.append((f"{SDKS[sdk].package} {version}", *cells))
                bench.say(f"{name}: {sdk}")
            section.tables.append(table)
    missing = [name for name, place in places.items() if place is None]
    if missing:
        section.text += f"\nNot to be installed here: {', '.join(missing)}."
    return section
