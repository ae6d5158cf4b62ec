"""The report that `akool run` makes at its end, which never decides how the run has ended."""

from __future__ import annotations

import shlex

import click

from akool_async.batch.folder import RunFolder
from akool_async.batch.runner import Run


def make_page(run: Run, *, quiet: bool) -> None:
    """Make the report of a run that is over, if anything has changed since the last one.

    That it cannot be made is one line, and nothing more.

    Args:
        run: The run.
        quiet: Whether to say nothing of a report that was made.
    """
    if run.left or (not run.changed and _is_newer(run.folder)):
        return
    try:
        # Not before: a run may be waited for by somebody who has not installed the extra.
        from akool_async.batch.report.page import write_report

        page = write_report(run.folder)
    except KeyboardInterrupt:
        problem = "it was interrupted"
    except ModuleNotFoundError as error:
        problem = missing_in(error) or str(error)
    except OSError as error:
        problem = f"{error.filename}: {error.strerror or error}"
    except Exception as error:  # noqa: BLE001 - the rows are what was paid for
        problem = f"{type(error).__name__}: {error}"
    else:
        if not quiet:
            click.echo(f"Report: {page}", err=True)
        return
    again = f"akool report {shlex.quote(str(run.folder.root))}"
    click.echo(f"No report: {problem}. {again} makes it; --no-report leaves it out.", err=True)


def missing_in(error: ModuleNotFoundError) -> str | None:
    """Return a sentence for a library of the extra `report` that is missing; `None` if none is."""
    if (error.name or "").partition(".")[0] not in {"jinja2", "vl_convert", "markupsafe"}:
        return None
    return "a report needs jinja2 and vl-convert-python: pip install 'akool_async[report]'"


def _is_newer(folder: RunFolder) -> bool:
    """Say whether the report is newer than the results."""
    try:
        return folder.report.stat().st_mtime_ns >= folder.results.stat().st_mtime_ns
    except OSError:  # there is none
        return False
