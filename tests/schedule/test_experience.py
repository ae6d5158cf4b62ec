"""When learned durations are stored: now and then, as jobs complete."""

from __future__ import annotations

from akool_async.schedule.experience import Experience


class Kept:
    """A memory that counts."""

    def __init__(self) -> None:
        self.stored = 0
        self._values: dict[str, bytes] = {}

    def recall(self, name: str) -> bytes | None:
        return self._values.get(name)

    def remember(self, name: str, value: bytes) -> None:
        self.stored += 1
        self._values[name] = value


def experienced() -> tuple[Experience, Kept]:
    memory = Kept()
    experience = Experience("https://api.example", None, None)
    experience.memory = memory
    experience.learner("audio.tts", None)
    return experience, memory


def test_jobs_that_the_journal_remembers_store_nothing() -> None:
    """Their ends teach nothing: each would cost more than all else of a restored row."""
    experience, memory = experienced()
    for _ in range(1000):
        experience.note_ended("audio.tts")
    assert memory.stored == 0


def test_durations_are_stored_again_after_some_hundred_completions() -> None:
    experience, memory = experienced()
    learner = experience.learner("audio.tts", None)
    for _ in range(1024):
        learner.ended(1.0, 2.0)
        experience.note_ended("audio.tts")
    assert 1 <= memory.stored <= 4
