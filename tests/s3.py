"""A real S3 server on loopback, in a process of its own: moto's."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from akool_async.uploads import Bucket

_SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
"""It ends with its standard input, so also with a test process that was killed."""


class S3:
    """An S3 server, and a bucket of one test in it, which keeps all versions.

    Args:
        url: The server's address.
        name: The bucket's name; made up if it is not given.
    """

    def __init__(self, url: str, name: str = "") -> None:
        self.url = url
        self.name = name or f"bucket-{uuid.uuid4().hex[:12]}"
        self.options: Any = {
            "access_key_id": "somebody",
            "secret_access_key": "who-knows-this",
            "region": "us-east-1",
            "endpoint": url,
        }
        import boto3  # tests of other parts run without it

        self._client: Any = boto3.client(
            "s3",
            endpoint_url=url,
            aws_access_key_id="somebody",
            aws_secret_access_key="who-knows-this",
            region_name="us-east-1",
        )
        self._client.create_bucket(Bucket=self.name)
        versions = {"Status": "Enabled"}
        self._client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration=versions)

    def named(self, name: str) -> S3:
        """Return another bucket of the same server."""
        other = S3(self.url, name)
        other.close()
        return other

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a process that uses the server."""
        return {
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": "who-knows-this",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def place(self, prefix: str = "akool") -> str:
        """Return the address of a prefix in the bucket."""
        return f"s3://{self.name}/{prefix}"

    def bucket(self, prefix: str = "akool", **settings: Any) -> Bucket:
        """Return what uploads to a prefix in the bucket."""
        return Bucket(self.place(prefix), options=self.options, **settings)

    def names(self) -> list[str]:
        """Return the names of all objects."""
        found = self._client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return sorted(each["Key"] for each in found)

    def puts(self) -> int:
        """Return how often an object was written."""
        return len(self._client.list_object_versions(Bucket=self.name).get("Versions", []))

    def unfinished(self) -> int:
        """Return how many multipart uploads were neither completed nor broken off."""
        return len(self._client.list_multipart_uploads(Bucket=self.name).get("Uploads", []))

    def read(self, name: str) -> bytes:
        """Return an object's content."""
        content: bytes = self._client.get_object(Bucket=self.name, Key=name)["Body"].read()
        return content

    def media_type(self, name: str) -> str:
        """Return an object's media type."""
        return str(self._client.head_object(Bucket=self.name, Key=name)["ContentType"])

    def remove(self, name: str) -> None:
        """Remove an object."""
        self._client.delete_object(Bucket=self.name, Key=name)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


@contextmanager
def s3_server() -> Iterator[str]:
    """Run an S3 server on a free port; yield its address."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait()


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """Return the address of an S3 server that all tests of a process share."""
    with s3_server() as url:
        yield url


@pytest.fixture
def s3(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """Return a bucket of the test's own, and take what this machine knows of clouds away."""
    for name in tuple(os.environ):
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_")):
            monkeypatch.delenv(name)
    server = S3(s3_url)
    yield server
    server.close()
