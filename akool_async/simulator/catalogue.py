"""The lists of the simulated Akool: avatars, languages, effects and models."""

from __future__ import annotations

from akool_async.endpoints import (
    AvatarType,
    Effect,
    ListedAvatar,
    Model,
    ModelAudio,
    ModelResolution,
    ModelType,
    SpokenLanguage,
)

_NAMES = (
    *("Alma", "Boris", "Chloe", "Dario", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jonas"),
    *("Kaya", "Liam", "Mona", "Nils", "Olga", "Pablo", "Qadira", "Ravi", "Sofia", "Tomas"),
    *("Uma", "Viktor", "Wanda", "Xavi", "Yasmin"),
)
_LANGUAGES = {"en": "English", "fr": "French", "zh": "Chinese (Simplified)", "es": "Spanish"}


def avatars(address: str) -> tuple[ListedAvatar, ...]:
    """Return 25 talking avatars and 25 streaming ones; a fifth of each is the account's own.

    Args:
        address: The address of the pictures of faces.
    """
    return tuple(_avatar(number, use, address) for use in AvatarType for number in range(25))


def _avatar(number: int, use: AvatarType, address: str) -> ListedAvatar:
    avatar_id = f"{_NAMES[number]}_{use.name.lower()}"
    picture = f"{address}/{avatar_id}.png"
    streams = use is AvatarType.STREAMING
    return ListedAvatar(
        avatar_id=avatar_id,
        name=_NAMES[number],
        url=picture,
        thumbnail_url=picture,
        gender="female" if number % 2 == 0 else "male",
        from_=3 if number % 5 == 4 else 2,  # noqa: PLR2004 - every fifth
        type=use,
        voice_id="voice-nicole" if streams else "",
        available=True if streams else None,
        platform="open" if streams else "",
        id=f"{use:012x}{number:012x}",
    )


def languages(address: str) -> tuple[SpokenLanguage, ...]:
    """Return the source and target languages of translations."""
    return tuple(
        SpokenLanguage(lang_code=code, lang_name=name, url=f"{address}/{code}.png")
        for code, name in _LANGUAGES.items()
    )


def effects(address: str) -> tuple[Effect, ...]:
    """Return the effects for pictures."""
    return tuple(
        Effect(
            effect_code=f"{name.lower()}_{number:011d}",
            name=name,
            logo=f"{address}/{name.lower()}.png",
            id=f"{number:024x}",
        )
        for number, name in enumerate(("Squish", "Cakeify", "Samurai"), 1)
    )


_SIZES = {"480p": (854, 480, 3), "720p": (1280, 720, 5), "1080p": (1920, 1080, 10)}
_SIZES["4k"] = (3840, 2160, 20)


def models(type: int) -> tuple[Model, ...]:
    """Return the models of a type; there are none of a type that is not known."""
    if type == ModelType.CHARACTER_SWAP:
        return (_model(type, 100, "wavespeed-ai/wan-2.2/animate", ("480p", "720p", "1080p"), ()),)
    if type == ModelType.TEXT_TO_VIDEO:
        return (_model(type, 100, "example-text-to-video", ("720p", "1080p"), (5, 10)),)
    if type != ModelType.IMAGE_TO_VIDEO:
        return ()
    sound = ModelAudio(required=False, type="boolean", default=False, extra_credit_multiplier=1.2)
    return (
        _model(type, 100, "AkoolImage2VideoFastV1", ("720p", "1080p", "4k"), (5, 10)),
        _model(
            *(type, 95, "seedance-1-0-lite-i2v-250428", ("480p", "720p", "1080p"), (5, 10)),
            supported_last_frame=True,
        ),
        # Without a list of resolutions, a request leaves `resolution` out (N14).
        _model(
            *(type, 90, "kwaivgi/kling-v3.0-std/image-to-video", (), tuple(range(3, 16))),
            supported_last_frame=True,
            generate_audio=True,
            max_count=4,
        ),
        _model(
            *(type, 85, "seedance/seedance-1-0-pro-fast-251015/image-to-video", ("720p",), (5,)),
            generate_audio=sound,
            supported_extend_prompt=True,
        ),
    )


def _model(
    type: int,
    sort: int,
    value: str,
    sizes: tuple[str, ...],
    lengths: tuple[int, ...],
    *,
    generate_audio: bool | ModelAudio | None = None,
    supported_last_frame: bool = False,
    supported_extend_prompt: bool = False,
    max_count: int = 10,
) -> Model:
    return Model(
        value=value,
        label=value.partition("/")[0],
        type=type,
        sort=sort,
        resolution_list=tuple(
            ModelResolution(value=size, label=size, width=w, height=h, unit_credit=credit)
            for size, (w, h, credit) in _SIZES.items()
            if size in sizes
        ),
        duration_list=lengths,
        generate_audio=generate_audio,
        supported_last_frame=supported_last_frame,
        supported_extend_prompt=supported_extend_prompt,
        max_image_count=1,
        max_count=max_count,
        is_pro=False,
        requires_pay=False,
    )
