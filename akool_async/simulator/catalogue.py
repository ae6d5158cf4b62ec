"""The lists of the simulated Akool: avatars and languages."""

from __future__ import annotations

from akool_async.endpoints import AvatarType, ListedAvatar, SpokenLanguage

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
