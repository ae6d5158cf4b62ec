"""Head swap v4: an analysis finds the persons in a video, a swap gives them other heads."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import field

from akool_async.endpoints.namespace import Namespace, calls, submits
from akool_async.endpoints.persons import (
    EACH_ONCE,
    Analyzed,
    PersonAnalysis,
    PersonMapping,
    check_model,
)
from akool_async.protocol.endpoint import Family, Guess, Lookup, Operation, Webhook
from akool_async.protocol.fields import Id, Several, VideoUrl, sized
from akool_async.protocol.reply import Reply
from akool_async.result import Result

_PAGES = "https://docs.akool.com/ai-tools-suite/head-swap"
_OVERVIEW = f"{_PAGES}/head-swap"
_MOST_HEADS = 5


class HeadAnalysis(PersonAnalysis):
    """The persons in a video, for `headswap.create`. It has no media: `.url` stays empty."""

    video_url: str = ""
    """The video that was analyzed."""
    type: str = ""
    uid: int | None = None
    team_id: str = ""

    @property
    def analyzed_url(self) -> str:
        """The address that was analyzed: a swap has to repeat it, character by character."""
        return self.video_url


class GetHeadAnalysis(Lookup[HeadAnalysis]):
    """Look up an analysis by its id."""

    path = "v4/headswap/analyze/detail"
    docs = f"{_PAGES}/get-analysis-detail"
    also_in = (_OVERVIEW,)
    parse = Reply(HeadAnalysis)

    id: Id = field(name="_id")
    """The analysis' `id`."""


HEAD_ANALYSES = Family(
    name="head analysis",
    result=HeadAnalysis,
    lookup=lambda ids: GetHeadAnalysis(id=ids[0]),
    usual=Guess(30.0),
)


class AnalyzeHeads(Operation[HeadAnalysis]):
    """Find the persons in a video whose heads are to be swapped. It offers no webhook."""

    path = "v4/headswap/analyze"
    docs = f"{_PAGES}/submit-analysis"
    also_in = (_OVERVIEW,)
    family = HEAD_ANALYSES
    parse = Reply(HeadAnalysis)

    video_url: VideoUrl
    """The video: about 3 to 20 seconds. `headswap.create` has to repeat this address, character by
    character."""
    type: Literal["head"] = "head"
    """The kind of analysis."""


class SwappedHeads(Result):
    """A video with other heads."""

    media_field = "video_url"

    video_url: str = ""
    """Address of the new video; there is none before the job is COMPLETED (N2)."""
    source_video_url: str = ""
    """The video that was given."""
    create_time: int = 0
    """Milliseconds since 1970."""
    video_duration: float | None = None
    """Seconds."""
    resolution: str = ""
    model_name: str = ""
    deduction_lock_duration: float | None = None
    """Credits set aside at creation."""
    deduction_duration: float | None = None
    """Credits charged in the end."""
    progress: float | None = None
    """Percent."""
    priority: int | None = None
    file_name: str = ""
    error_code: int | None = None
    """Why it failed, where Akool says."""
    task_id: str | None = None
    """Another id; lookups do not take it."""
    uid: int | None = None
    team_id: str = ""


class GetHeadSwap(Lookup[SwappedHeads]):
    """Look up a head swap by its id."""

    path = "v4/headswap/task/detail"
    docs = f"{_PAGES}/get-result"
    also_in = (_OVERVIEW,)
    parse = Reply(SwappedHeads)

    id: Id = field(name="_id")
    """The job's `id`."""


HEAD_SWAPS = Family(
    name="head swap",
    result=SwappedHeads,
    lookup=lambda ids: GetHeadSwap(id=ids[0]),
    media="video",
    predicts_url=False,
    usual=Guess(180.0, 1.0),
)


FEW_HEADS = sized("persons", _MOST_HEADS)


class HeadSwap(Webhook, Analyzed, Operation[SwappedHeads]):
    """Give persons in a video other heads. An analysis of the same video comes first.

    Akool finds the analysis by the video's address, so both requests need the same text. Give the
    analysis as `analysis`, and a swap that does not fit it is refused before it is sent.
    """

    path = "v4/headswap/task/create"
    docs = f"{_PAGES}/create"
    also_in = (_OVERVIEW,)
    family = HEAD_SWAPS
    parse = Reply(SwappedHeads)
    source = "video_url"
    analyzed_by = "headswap.analyze"
    analysis_type = HeadAnalysis

    video_url: VideoUrl
    """The video, by the address that was analyzed: `analysis.video_url`."""
    mappings: Annotated[Several[PersonMapping], FEW_HEADS, EACH_ONCE]
    """The persons, at most 5, and the picture of each new face."""
    model_name: str = "akool-premium"
    """The model; Akool names `akool-premium`."""
    resolution: str
    """One of `480p` and `720p`."""
    template_id: Id | None = None
    """A template, where the account has some."""
    keep_original_sound: bool = True
    """Whether to keep the video's sound."""

    def check(self) -> None:
        """Check the model, and that the swap fits its analysis."""
        check_model(self)
        self.check_analysis()


class HeadSwapNamespace(Namespace, title="headswap"):
    """Head swap v4: persons in a video get other heads."""

    analyze = submits(AnalyzeHeads)
    create = submits(HeadSwap)
    get = calls(GetHeadSwap)
    get_analysis = calls(GetHeadAnalysis)
