"""What stops a command that serves: Ctrl-C, SIGTERM, a closed terminal."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from akool_async.cli.stopping import set_by_signals

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it sends POSIX signals")
HANGUP = getattr(signal, "SIGHUP", signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, HANGUP])
async def test_a_signal_stops_it_and_means_afterwards_what_it_meant(number: signal.Signals) -> None:
    stop = asyncio.Event()
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with set_by_signals(stop):
            signal.raise_signal(number)
            await asyncio.wait_for(stop.wait(), 30)
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


async def test_ctrl_c_stops_it_even_where_the_shell_made_it_ignored() -> None:
    stop = asyncio.Event()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with set_by_signals(stop):
            signal.raise_signal(signal.SIGINT)
            await asyncio.wait_for(stop.wait(), 30)
    finally:
        signal.signal(signal.SIGINT, before)


async def test_a_closed_terminal_does_not_stop_what_was_started_by_nohup() -> None:
    stop = asyncio.Event()
    before = signal.signal(HANGUP, signal.SIG_IGN)
    try:
        with set_by_signals(stop):
            signal.raise_signal(HANGUP)
            await asyncio.sleep(0)
            assert not stop.is_set()
            assert signal.getsignal(HANGUP) is signal.SIG_IGN
    finally:
        signal.signal(HANGUP, before)
