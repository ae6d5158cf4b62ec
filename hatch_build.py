"""What a package index shows, derived from the one address in pyproject.toml where the project is.

`[tool.hatch.metadata.hooks.custom] home` is that address. Without one, no address is invented.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

LINK = re.compile(r"(!?)\[((?:!\[[^\]]*\]\([^)]*\)|[^\]])*)\]\((?!https?:|#)([^)]+)\)")
"""A link, or a picture, that leads to another file; its text may be a picture."""


class AddressHook(MetadataHookInterface):
    """Adds the project's addresses, and a README whose links work away from its folder."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in what pyproject.toml calls dynamic; the version is there already."""
        home, tag = self.config["home"].rstrip("/"), f"v{metadata['version']}"
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute(text, home, tag)}
        metadata["urls"] = addresses(home, tag)


def addresses(home: str, tag: str) -> dict[str, str]:
    """Return the addresses beside the text; without a home only the vendor's."""
    named = {"Akool's API": "https://docs.akool.com"}
    if not home:
        return named
    return {
        "Homepage": home,
        "Documentation": f"{home}/blob/{tag}/docs/index.md",
        "Changelog": f"{home}/blob/{tag}/CHANGELOG.md",
        "Issues": f"{home}/issues",
        "Source": home,
        **named,
    }


def absolute(text: str, home: str, tag: str) -> str:
    """Return a text whose links lead to the project's home; without a home, to nowhere wrong.

    Then a link is its text alone, and a picture is left out.
    """

    def replaced(link: re.Match[str]) -> str:
        picture, inside, target = link.groups()
        inside = LINK.sub(replaced, inside)
        if home:
            return f"{picture}[{inside}]({home}/{'raw' if picture else 'blob'}/{tag}/{target})"
        return "" if picture else inside

    return LINK.sub(replaced, text)
