"""CRUN's image multi-face swap: another vendor on the same jobs, engine and wire.

    async with Crun() as crun:  # CRUN_API_KEY
        found = await crun.detect_faces(image_url=photo)
        swap = await crun.swap_faces(
            detect_id=found.detect_id,
            image_url=photo,
            faces=[FaceTarget(found.faces[0].id, new_face)],
        )
        await swap.save("out/")

CRUN (https://crun.ai) is not Akool: it has its own host, key, envelope and codes. It also
has its own words for a job's status, and a single swap meets three vocabularies of them. The
parameters of the detection, the header and the codes come from CRUN's page "Detect Face
(Image)". Everything else comes from the other public pages at docs.crun.ai, and says so.
"""

from __future__ import annotations

from akool_async.crun.client import Crun
from akool_async.crun.endpoints import DetectFaces, FaceTarget, GetDetection, GetTask, SwapFaces
from akool_async.crun.protocol import CODES
from akool_async.crun.results import CrunFace, FaceDetection, SwappedImage

__all__ = [
    "CODES",
    "Crun",
    "CrunFace",
    "DetectFaces",
    "FaceDetection",
    "FaceTarget",
    "GetDetection",
    "GetTask",
    "SwapFaces",
    "SwappedImage",
]
