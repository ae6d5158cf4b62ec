"""A bucket of the user's own, at S3, GCS or Azure, through obstore.

Objects are named by their content, so whoever uploads a file that is there already sends nothing
but a question. An object appears whole or not at all: a small file is one request, a large one a
multipart upload that is completed last, and only if what was read is what was announced.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import threading
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from akool_async.errors import InvalidInput, UploadError
from akool_async.uploads.uploader import TASK_NAME, LocalFile

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, S3Store

LONGEST: Final = timedelta(days=7)
"""S3 and GCS sign no address for longer."""

_PART: Final = 5 * 2**20
"""Bytes of one part: the least that S3 takes."""
_PARTS_AT_ONCE: Final = 2
_FAREWELL: Final = 5.0
"""Seconds that a cancelled upload has to take its parts back."""

_RETRIES: Final[Mapping[str, Any]] = {"max_retries": 5, "retry_timeout": timedelta(minutes=3)}
"""How often obstore repeats one request, as after a broken connection."""

_CREDENTIALS: Final[Mapping[str, tuple[str, ...]]] = {
    "s3": (
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ),
    "gs": (
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
    ),
    "az": (
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_ACCESS_KEY",
        "AZURE_STORAGE_SAS_KEY",
        "AZURE_STORAGE_CLIENT_SECRET",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_STORAGE_USE_EMULATOR",
    ),
}
"""For each scheme, the variables of the environment that say how to sign; one is enough. The
options have the same names, in lower case, with or without what stands before them."""

_BEFORE: Final = re.compile(r"^(aws|google|azure_storage|azure)_")

_ENDPOINTS: Final = (
    "AWS_ENDPOINT",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "GOOGLE_BASE_URL",
    "AZURE_STORAGE_ENDPOINT",
)
_SCHEMES: Final = {"s3": "s3", "s3a": "s3", "gs": "gs", "az": "az", "azure": "az", "abfs": "az"}


class Bucket:
    """Uploads files to a bucket, and hands on signed addresses of them.

    Credentials, region and endpoint come from the environment, as `AWS_ACCESS_KEY_ID`,
    `AWS_SECRET_ACCESS_KEY`, `AWS_REGION` and `AWS_ENDPOINT_URL`, or from `options`. Nothing asks
    the metadata service of a cloud machine; where that is what you want, pass a store of obstore's.

    Args:
        place: The bucket, and a prefix in it: `s3://bucket/prefix`, `gs://…` or
            `az://container/prefix`; or an `S3Store`, `GCSStore` or `AzureStore` of obstore's.
        valid_for: How long an address works, at most 7 days. It has to be longer than a job may
            wait and take. Credentials that expire earlier end it earlier.
        options: obstore's options by name, such as `access_key_id` or `endpoint`.

    Raises:
        InvalidInput: `place` names no bucket, there are no credentials for it, the extra
            `uploads` is not installed, or `valid_for` is too long.
    """

    def __init__(
        self,
        place: str | S3Store | GCSStore | AzureStore,
        *,
        valid_for: timedelta = LONGEST,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if not timedelta() < valid_for <= LONGEST:
            raise InvalidInput("valid_for", valid_for, "must be more than 0 and at most 7 days")
        self._place = place
        self._options = dict(options or {})
        self.valid_for = valid_for
        """How long an address works."""
        if isinstance(place, str):
            _check_place(place, self._options)
        self._store  # noqa: B018 - what is wrong with the options is told now

    def __repr__(self) -> str:  # without the options: they may hold a secret
        return f"Bucket({self._place if isinstance(self._place, str) else '...'!r})"

    @cached_property
    def _store(self) -> Any:
        try:
            from obstore import store
        except ImportError:
            problem = "needs a package: pip install 'akool_async[uploads]'"
        else:
            if not isinstance(self._place, str):
                return self._place
            from_url: Any = store.from_url  # its options are typed by name, for literals
            # http is for a server on this machine, or in its network, that the user names.
            named = (*self._options.values(), *map(os.environ.get, _ENDPOINTS))
            client = {"allow_http": any(str(each).startswith("http://") for each in named)}
            try:
                return from_url(
                    self._place,
                    config=self._options,
                    client_options=client,
                    retry_config=_RETRIES,
                )
            except Exception as error:  # noqa: BLE001 - obstore has errors of many classes
                problem = _in_short(error)
        raise InvalidInput("place", repr(self), problem)

    @cached_property
    def _address(self) -> str:
        """Where its objects lie, such as `s3://bucket/prefix`."""
        place = self._place
        if isinstance(place, str):
            return place.rstrip("/")
        from obstore.store import AzureStore, GCSStore

        config: Mapping[str, Any] = {**place.config}
        if isinstance(place, AzureStore):
            bucket = f"az://{config.get('container_name', '')}"
        else:
            scheme = "gs" if isinstance(place, GCSStore) else "s3"
            bucket = f"{scheme}://{config.get('bucket', '')}"
        return "/".join(filter(None, [bucket, place.prefix]))

    async def upload(self, file: LocalFile, /) -> str:
        """Upload a file, unless its content is there; return an address signed for `valid_for`.

        Raises:
            UploadError: it cannot be uploaded; `final` says whether trying again is of no use.
        """
        import obstore

        try:
            if not await self._has(file):
                await self._put(file.name, file, media_type=file.media_type)
            return await obstore.sign_async(self._store, "GET", file.name, self.valid_for)
        except UploadError:
            raise
        except Exception as error:  # noqa: BLE001 - obstore has errors of many classes
            problem = error
        raise _failure(problem)

    async def _has(self, file: LocalFile) -> bool:
        import obstore
        from obstore.exceptions import PermissionDeniedError

        try:
            return (await obstore.head_async(self._store, file.name))["size"] == file.size
        except (FileNotFoundError, PermissionDeniedError):
            # S3 says 403 for what is not there, to those who may not list the bucket.
            return False

    async def save(self, path: Path, media_type: str = "application/octet-stream") -> str:
        """Upload a file under its own name, in place of what is there; return where it lies.

        Raises:
            UploadError: it cannot be uploaded.
        """
        try:
            await self._put(path.name, path, media_type=media_type)
        except UploadError:
            raise
        except Exception as error:  # noqa: BLE001 - obstore has errors of many classes
            problem = error
        else:
            return f"{self._address}/{path.name}"
        raise _failure(problem)

    def lacks(self, saved: str) -> bool:
        """Say whether there is no object, or an empty one, where one was saved. Blocks."""
        import obstore

        name = saved.removeprefix(f"{self._address}/")
        try:
            return not obstore.head(self._store, name)["size"]
        except FileNotFoundError:
            return True
        except Exception:  # noqa: BLE001 - such as no network: nobody can tell
            return False

    async def _put(self, name: str, file: LocalFile | Path, *, media_type: str) -> None:
        """Put a file into the bucket, whole or not at all."""
        import obstore

        path, expected = (file, None) if isinstance(file, Path) else (file.path, file.sha256)
        cancelled = threading.Event()
        content: Any = await asyncio.to_thread(_begun, path, expected, cancelled)

        async def put() -> None:
            await obstore.put_async(
                self._store,
                name,
                content,
                attributes={"Content-Type": media_type},
                chunk_size=_PART,
                max_concurrency=_PARTS_AT_ONCE,
            )

        await _broken_off_by(cancelled, asyncio.create_task(put(), name=TASK_NAME))


async def _broken_off_by(cancelled: threading.Event, upload: asyncio.Task[None]) -> None:
    """Await an upload. Cancelled, let obstore take the parts back that are there already.

    It does so where the reading of the file fails, not where its own coroutine is cancelled.
    """
    try:
        await asyncio.shield(upload)
    except asyncio.CancelledError:
        cancelled.set()
        await asyncio.wait([upload], timeout=_FAREWELL)
        upload.cancel()
        await asyncio.gather(upload, return_exceptions=True)
        raise


def _parts(path: Path, expected: str | None, cancelled: threading.Event) -> Iterator[bytes]:
    """Yield a file in parts; obstore reads them in a thread of its own.

    Raises:
        UploadError: after the last part, if it is not the content that was announced, or as soon
            as the upload is cancelled: then obstore breaks it off, and no object appears.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_PART):
            if cancelled.is_set():
                raise UploadError("cancelled")
            digest.update(part)
            yield part
    if expected is not None and digest.hexdigest() != expected:
        changed = UploadError(f"{path} changed while it was read")
        changed.final = True
        raise changed


def _begun(path: Path, expected: str | None, cancelled: threading.Event) -> bytes | Iterator[bytes]:
    """Return a small file whole: one request then, where parts would be three. Blocks."""
    parts = _parts(path, expected, cancelled)
    first = next(parts, b"")
    return first + b"".join(parts) if len(first) < _PART else chain([first], parts)


def _check_place(place: str, options: Mapping[str, Any]) -> None:
    parts = urlsplit(place)
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not parts.netloc:
        rule = "must be a bucket, such as s3://my-bucket/akool, gs://… or az://container/…"
        raise InvalidInput("place", place, rule)
    wanted = _CREDENTIALS[scheme]
    named = {_BEFORE.sub("", name.lower()) for name, value in options.items() if value}
    if named & {"skip_signature", *(_BEFORE.sub("", name.lower()) for name in wanted)}:
        return
    if any(os.environ.get(name) for name in wanted):
        return
    well_known = Path("~/.config/gcloud/application_default_credentials.json").expanduser()
    if scheme == "gs" and well_known.is_file():
        return
    # Without them obstore would ask the metadata service of a cloud machine, which most machines
    # do not have: minutes would pass before an error.
    secret = " and AWS_SECRET_ACCESS_KEY" if scheme == "s3" else ""
    rule = f"needs credentials: set {wanted[0]}{secret}, or pass options, or a store of obstore's"
    raise InvalidInput("place", place, rule)


def _failure(error: Exception) -> UploadError:
    failure = UploadError(_in_short(error))
    # obstore has repeated what may pass; these do not pass.
    failure.final = isinstance(error, (FileNotFoundError, ValueError, *_lasting()))
    return failure


def _lasting() -> tuple[type[Exception], ...]:
    from obstore.exceptions import NotSupportedError, PermissionDeniedError, UnauthenticatedError

    return NotSupportedError, PermissionDeniedError, UnauthenticatedError


_SECRET: Final = re.compile(r"(https?://[^\s?]+)\?\S+")


def _in_short(error: Exception) -> str:
    """Return the first line of an error: the others repeat it. A query may hold a signature."""
    line = str(error).strip().partition("\n")[0]
    return _SECRET.sub(r"\1", line) or type(error).__name__
