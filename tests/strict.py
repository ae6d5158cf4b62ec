"""A Python in a process of its own, to which warnings are errors, as they are to the tests."""

from __future__ import annotations

import sys

STRICT = (sys.executable, "-W", "error", "-W", "ignore:Akool endpoint")
"""Deprecated endpoints are let pass, for many tests use one."""
