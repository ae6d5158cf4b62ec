"""What type checkers know of the v4 and v5 products. Checked by mypy and pyright, never executed.

As in `api.py`, each mistake that a checker stops finding is an error.
"""

from typing import Any, assert_type

from akool_async import Akool, Face, Job, Jobs
from akool_async.endpoints import (
    CharacterMapping,
    DeletedVideos,
    DeletedVoices,
    Effect,
    Faceswap,
    FramesAnalysis,
    GeneratedVideo,
    HairMapping,
    HeadAnalysis,
    HeadSwap,
    Image,
    ImageToVideoBatch,
    KnowledgeBase,
    LabVoice,
    ListedAvatar,
    LiveFaceswap,
    LiveFaceswapSession,
    Model,
    PersonMapping,
    StudioAnalysis,
    StudioModel,
    StudioSwap,
    SwappedHeads,
    Video,
    VoiceResource,
)
from akool_async.endpoints.paging import Page, Paged

ADDRESS = "https://media.example/a.png"
PERSONS = (PersonMapping(obj_id=0, img_url=ADDRESS),)


async def videos_out_of_pictures_and_texts(akool: Akool, request: ImageToVideoBatch) -> None:
    made = akool.image2video
    animated = made.create(image_url=ADDRESS, resolution="720p", audio_type=3, video_length=5)
    assert_type(animated, Job[GeneratedVideo])
    assert_type(made.batch(image_url=ADDRESS, prompt="turn", video_length=5), Job[GeneratedVideo])
    assert_type(made.audio(pre_video_id="a", audio_type=1), Job[GeneratedVideo])
    assert_type(akool.text2video.create(prompt="a lake"), Job[GeneratedVideo])
    assert_type(await made.results(ids=["a"]), tuple[GeneratedVideo, ...])
    assert_type(await made.effects(), tuple[Effect, ...])
    assert_type(await made.delete(ids=["a"]), DeletedVideos)
    assert_type(await akool.models.list(types=[1501]), tuple[Model, ...])
    assert_type(await akool.models.check(request), Model | None)
    assert_type(request.estimate(), float | None)
    assert_type((await animated).credits, float | None)
    assert_type((await animated).urls, tuple[str, ...])


async def voices(akool: Akool) -> None:
    voice = akool.voice
    assert_type(voice.tts(input_text="Hello.", voice_id="a"), Job[VoiceResource])
    assert_type(voice.change(voice_id="a", source_voice_file=ADDRESS), Job[VoiceResource])
    assert_type(voice.clone(source_voice_file=ADDRESS), Job[LabVoice])
    assert_type(voice.list(type=1), Paged[LabVoice])
    assert_type(await voice.resources(type=2), Page[VoiceResource])
    assert_type(await voice.get(id="a"), LabVoice)
    assert_type(await voice.resource(id="a"), VoiceResource)
    assert_type(await voice.delete(ids=["a"]), DeletedVoices)


async def swaps(akool: Akool, faces: tuple[Face, ...], hair: HairMapping) -> None:
    assert_type(akool.faceswap.pro(source_image=faces, target_image=faces), Job[Faceswap])
    plus = akool.faceswap.plus(source_url=ADDRESS, target_url=ADDRESS, single_face_mode=True)
    assert_type(plus, Job[Faceswap])
    assert_type(await akool.faceswap.analyze_frames(frame_urls=[ADDRESS]), FramesAnalysis)
    assert_type(akool.headswap.analyze(video_url=ADDRESS), Job[HeadAnalysis])
    swapped = akool.headswap.create(video_url=ADDRESS, mappings=PERSONS, resolution="720p")
    assert_type(swapped, Job[SwappedHeads])
    assert_type(akool.characterswap.create(image=ADDRESS, video=ADDRESS), Job[Video])
    studio = akool.studio
    character = CharacterMapping(obj_id=0, img_url=ADDRESS)
    assert_type(
        studio.character(media_type="video", target_url=ADDRESS, mappings=[character]),
        Job[StudioSwap],
    )
    assert_type(studio.motion(video=ADDRESS, images=[ADDRESS], model_name="m"), Job[StudioSwap])
    assert_type(studio.hair(target_url=ADDRESS, mappings=[hair]), Job[StudioSwap])
    assert_type(studio.analyze_head(url=ADDRESS), Job[StudioAnalysis])
    assert_type(await studio.models(feature="hairswap"), tuple[StudioModel, ...])
    async with akool.faceswap.live(source_image=faces) as session:
        assert_type(session, LiveFaceswapSession)
        assert_type(session.receipt, LiveFaceswap)


async def pictures_translations_and_knowledge(akool: Akool) -> None:
    assert_type(akool.image.create(prompt="a lake"), Job[Image])
    assert_type(akool.video.translate(url=ADDRESS, language="ja"), Job[Video])
    assert_type(akool.video.translate(url=ADDRESS, language=["ja", "fr"]), Jobs[Video])
    assert_type(await akool.knowledge.create(name="Support"), KnowledgeBase)
    assert_type(await akool.knowledge.list(), Page[KnowledgeBase])
    assert_type(await akool.knowledge.delete(id="a"), None)
    assert_type(await akool.streaming.avatar(avatar_id="a"), ListedAvatar)


async def mistakes(akool: Akool, swap: HeadSwap, anything: Any) -> None:
    akool.headswap.create(video_url=ADDRESS, mappings=PERSONS)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    akool.image2video.create(image_url=ADDRESS, resolution="720p", audio_type=3, video_length=7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await akool.models.check(swap)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    await akool.studio.models(feature="hairSwap")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    akool.studio.hair(target_url=ADDRESS, image=anything)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
