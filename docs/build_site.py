"""Build the documentation site in build/docs/site; say what is wrong with it, and then exit with 1.

`python docs/build_site.py` stages the pages (site_pages.py), lets Zensical build them strictly,
looks for what Zensical does not see (check_site.py), and adds what programs read (llms_text.py).
`--serve` shows the site on loopback afterwards.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import check_site
import llms_text
from site_pages import stage

ROOT: Final = Path(__file__).parents[1]
PROJECT: Final = ROOT / "build" / "docs"
_NOISE: Final = re.compile(r"\x1b\[[\d;]*m|^Traceback .*\n(?:[ ].*\n)*", re.MULTILINE)
"""Colours, and the ways through the generator to an error, in what it prints."""
_EMPTY_LINK: Final = re.compile(r'<a href="" (id="[\w.]+")></a>')
"""The anchor of a Python name: the generator makes a link of it, which leads nowhere."""
_INDENTED_TITLE: Final = re.compile(r'\btitle="\s+')
"""The title of a link to a Python name, with the indentation of a template."""
_EMPTY_HEADING: Final = re.compile(r"<th( [^>]*)?></th>")
"""The corner of a table: a heading without a text, which a screen reader would announce."""


def build(root: Path, project: Path) -> Iterator[str]:
    """Build a site in a folder, and yield what is wrong with it."""
    shutil.rmtree(project, ignore_errors=True)
    pages, site = project / "pages", project / "site"
    stage(root, pages)
    config = configured((root / "docs/site/zensical.toml").read_text("utf-8"), pages)
    config = config.replace("ROOT", str(root))
    (project / "zensical.toml").write_text(config, "utf-8")
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    ended = subprocess.run(  # noqa: S603 - our own words
        command, cwd=project, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        yield _NOISE.sub("", ended.stdout + ended.stderr).strip()
        return
    for path in site.rglob("*.html"):
        html = _EMPTY_LINK.sub(r"<span \1></span>", path.read_text("utf-8"))
        html = _EMPTY_HEADING.sub(r"<td\1></td>", html)
        path.write_text(_INDENTED_TITLE.sub('title="', html), "utf-8")
    (site / "404.html").unlink()  # its addresses begin at the root of a server
    settings = tomllib.loads(config)["project"]
    navigation = dict(entries(settings["nav"]))
    staged = {path.relative_to(pages).as_posix() for path in pages.rglob("*.md")}
    yield from check_site.problems(site, {*navigation}, staged)
    llms_text.write(settings, pages, site)


def configured(config: str, pages: Path) -> str:
    """Return the configuration with the pages that each star stands for."""
    named = set(re.findall(r'"([\w/.-]+\.md)"', config))

    def listed(found: re.Match[str]) -> str:
        paths = [path.relative_to(pages).as_posix() for path in sorted(pages.glob(found[2]))]
        new = [path for path in paths if path not in named]
        named.update(new)
        return "".join(f'{found[1]}"{path}",\n' for path in new)

    return re.sub(r'^( *)"([\w/*-]+/\*\.md)",\n', listed, config, flags=re.MULTILINE)


def entries(nav: Any) -> Iterator[tuple[str, str]]:
    """Yield the source and the title of each page in a navigation; a page may have none there."""
    for entry in nav:
        if isinstance(entry, str):
            yield entry, ""
            continue
        for title, value in entry.items():
            if isinstance(value, str):
                yield value, title
            else:
                yield from entries(value)


def serve(site: Path) -> None:
    """Serve a folder on a free port of this machine until Ctrl-C."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}/ until Ctrl-C\n")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


def main() -> int:
    """Build the site; serve it, if that was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--into", type=Path, default=PROJECT, help="another folder to build in")
    parser.add_argument("--serve", action="store_true", help="serve the site on this machine")
    options = parser.parse_args()
    found = list(build(ROOT, options.into))
    sys.stderr.writelines(f"{problem}\n" for problem in found)
    site = options.into / "site"
    if options.serve and site.exists():
        serve(site)
    elif not found:
        sys.stdout.write(f"{site / 'index.html'}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
