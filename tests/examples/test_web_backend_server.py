"""The web backend without a browser: what it takes in, from whom, and what it pays for."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from akool_async.endpoints import ImageReage
from akool_async.simulator import Behaviour, Simulator
from examples.web_backend.__main__ import arguments, main, setup_of
from examples.web_backend.orders import OrderBook, Wish
from examples.web_backend.simulated import Leases, Simulated
from tests.examples.conftest import SECRET, Serve, Server, environment_of, eventually

PHOTO = b"\xff\xd8\xff\xe0 a photo"
AGE = {"kind": "age", "years": 10}


class Visitor:
    """A browser without a page: it keeps its cookie, and asks."""

    def __init__(self, server: Server) -> None:
        self.url = server.url
        self._cookie = ""
        _, _, headers = self.ask("GET", "/")
        self._cookie = headers["set-cookie"].partition(";")[0]

    def ask(
        self, method: str, path: str, body: bytes | dict[str, Any] | None = None, **headers: str
    ) -> tuple[int, bytes, Any]:
        """Return status, body and headers of an answer."""
        if isinstance(body, dict):
            body, headers = (
                json.dumps(body).encode(),
                {"Content-Type": "application/json"} | headers,
            )
        sent = ({"Cookie": self._cookie} if self._cookie else {}) | headers
        request = urllib.request.Request(  # noqa: S310 - loopback
            self.url + path, body, {k.replace("_", "-"): v for k, v in sent.items()}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read(), refused.headers

    def upload(self, content: bytes = PHOTO) -> str:
        """Upload a photo; return its name."""
        status, body, _ = self.ask("POST", "/api/photos", content)
        assert status == 201, body
        name: str = json.loads(body)["photo"]
        return name

    def order(self, photo: str, change: dict[str, Any] = AGE, id: str = "") -> dict[str, Any]:
        """Place an order; return it."""
        wish = {"photo": photo, "photo_name": "ann.jpg", "change": change}
        status, body, _ = self.ask("PUT", f"/api/orders/{id or uuid.uuid4()}", wish)
        assert status == 202, body
        placed: dict[str, Any] = json.loads(body)
        return placed

    def orders(self) -> dict[str, dict[str, Any]]:
        """Return all orders by id."""
        status, body, _ = self.ask("GET", "/api/orders")
        assert status == 200, body
        return {order["id"]: order for order in json.loads(body)["orders"]}

    def told(self) -> Iterator[dict[str, Any]]:
        """Yield what a stream tells of one order, until it is done."""
        request = urllib.request.Request(f"{self.url}/api/events", headers={"Cookie": self._cookie})  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as lines:  # noqa: S310 - loopback
            for line in lines:
                name, _, data = line.decode().rstrip().partition(": ")
                if name == "data" and "id" in (order := json.loads(data)):
                    yield order
                    if order["state"] == "done":
                        return

    def until(self, id: str, state: str) -> dict[str, Any]:
        """Wait until an order has a state; return it."""
        return eventually(lambda: (order := self.orders()[id])["state"] == state and order)


@pytest.fixture
def visitor(server: Server) -> Visitor:
    return Visitor(server)


def test_a_handler_answers_at_once_and_the_picture_follows(
    visitor: Visitor, server: Server, akool: Simulator
) -> None:
    placed = visitor.order(visitor.upload())
    assert (placed["state"], placed["has_result"]) == ("queued", False)
    assert visitor.until(placed["id"], "done")["has_result"]
    status, picture, headers = visitor.ask("GET", f"/api/orders/{placed['id']}/result")
    assert (status, headers["content-type"], picture[:4]) == (200, "image/png", b"\x89PNG")
    eventually(lambda: akool.webhooks.sent[3] == 1 and server.health()["webhooks"])


def test_a_face_is_put_into_a_photo(visitor: Visitor, akool: Simulator) -> None:
    face = visitor.upload()
    placed = visitor.order(visitor.upload(), {"kind": "face", "face": face})
    visitor.until(placed["id"], "done")
    assert akool.world.creates == {"faceswap.image": 1}


@pytest.fixture(scope="module")
def one_polled(one_akool: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("polled") / "data"
    options = ("--no-webhooks", "--site", "https://me.example/")
    server = Server(folder, environment_of(one_akool), *options)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def polled(one_polled: Server, akool: Simulator) -> Server:
    """Return a backend without webhooks, of which Akool knows a public address."""
    return one_polled


def test_without_webhooks_jobs_are_polled(polled: Server, akool: Simulator) -> None:
    visitor = Visitor(polled)
    visitor.until(visitor.order(visitor.upload())["id"], "done")
    assert (polled.health()["webhooks"], akool.webhooks.sent) == ({}, {})
    assert visitor.ask("POST", "/akool/x", {})[0] == 404


def test_an_order_that_is_sent_twice_is_paid_for_once(visitor: Visitor, akool: Simulator) -> None:
    photo, number = visitor.upload(), str(uuid.uuid4())
    first, second = visitor.order(photo, id=number), visitor.order(photo, id=number)
    assert first["id"] == second["id"] == number
    visitor.until(number, "done")
    visitor.order(photo, id=number)
    other = {"photo": photo, "photo_name": "ann.jpg", "change": {"kind": "age", "years": 11}}
    assert visitor.ask("PUT", f"/api/orders/{number}", other)[0] == 409
    assert akool.world.creates == {"reage.image": 1}


def test_a_failed_order_is_tried_again_under_its_key_and_only_once_for_each_press(
    visitor: Visitor, akool: Simulator
) -> None:
    akool.world.behaviour = Behaviour(fail_rate=1.0, pace=0.1)
    number = visitor.order(visitor.upload())["id"]
    failed = visitor.until(number, "failed")
    assert failed["note"]
    assert failed["again"] == "try"
    akool.world.behaviour = Behaviour(pace=0.1)
    for _ in range(3):  # the answer was lost, and the page asks again
        assert visitor.ask("POST", f"/api/orders/{number}/again", {"failed": 1})[0] == 202
    assert visitor.until(number, "done")["attempt"] == 2
    assert visitor.ask("POST", f"/api/orders/{number}/again", {"failed": 2})[0] == 202
    assert visitor.orders()[number]["state"] == "done"
    assert akool.world.creates == {"reage.image": 2}


def test_a_restart_pays_for_nothing_that_failed(
    visitor: Visitor, server: Server, akool: Simulator
) -> None:
    akool.world.behaviour = Behaviour(fail_rate=1.0, pace=0.1)
    number = visitor.order(visitor.upload())["id"]
    visitor.until(number, "failed")
    server.kill()
    server.start()
    assert visitor.orders()[number]["state"] == "failed"
    assert akool.world.creates == {"reage.image": 1}


def test_a_create_without_an_answer_is_in_doubt_and_not_sent_again(
    polled: Server, akool: Simulator
) -> None:
    visitor = Visitor(polled)
    akool.world.behaviour = Behaviour(drop_reply_rate=1.0, pace=0.1)
    number = visitor.order(visitor.upload())["id"]
    assert visitor.until(number, "unsure")["again"] == "look"
    visitor.ask("POST", f"/api/orders/{number}/again", {"failed": 1})
    assert visitor.until(number, "unsure")["attempt"] == 2
    assert akool.world.creates == {"reage.image": 1}


def test_a_webhook_brings_an_order_whose_create_had_no_answer(
    visitor: Visitor, akool: Simulator
) -> None:
    akool.world.behaviour = Behaviour(drop_reply_rate=1.0, pace=0.1)
    visitor.until(visitor.order(visitor.upload())["id"], "done")
    assert akool.world.creates == {"reage.image": 1}


def test_akool_is_given_the_public_address_of_a_photo(polled: Server, akool: Simulator) -> None:
    visitor = Visitor(polled)
    photo = visitor.upload()
    visitor.until(visitor.order(photo)["id"], "done")
    (request,) = [job.request for job in list(akool.world.jobs.values())[-1:]]
    assert isinstance(request, ImageReage)
    assert request.modify_image == f"https://me.example/photos/{photo}"


def test_a_stream_tells_the_numbers_in_line_that_others_move(
    serve: Serve, akool: Simulator
) -> None:
    akool.world.behaviour = Behaviour(pace=1.0, spread=0.0)
    server = serve("--at-once", "1")
    others, visitor = Visitor(server), Visitor(server)
    photo = others.upload()
    for _ in range(2):
        others.order(photo)
    assert visitor.order(photo)["position"] == 2
    told = [order["position"] for order in visitor.told()]
    assert told[0] == 1  # nothing else about that order, or of that browser, had changed
    assert set(told[1:]) == {None}


@pytest.mark.parametrize("killed", [False, True])
def test_a_picture_that_cannot_be_saved_is_saved_later(
    visitor: Visitor, server: Server, akool: Simulator, *, killed: bool
) -> None:
    (folder,) = server.data.rglob("results")
    aside = folder.rename(folder.with_name("aside"))
    folder.touch()  # now it is no folder
    said = len(server.log.read_text())
    number = visitor.order(visitor.upload())["id"]
    eventually(lambda: "on_end of reage.image" in server.log.read_text()[said:])
    assert visitor.orders()[number]["note"] == "It is being saved."
    if killed:
        server.kill()
    folder.unlink()
    aside.rename(folder)
    if killed:
        server.start()
    assert visitor.until(number, "done")["has_result"]
    assert akool.world.creates == {"reage.image": 1}


# Who may do what


def test_an_order_is_shown_to_its_own_browser_only(visitor: Visitor, server: Server) -> None:
    number = visitor.order(visitor.upload())["id"]
    visitor.until(number, "done")
    other = Visitor(server)
    assert other.orders() == {}
    assert other.ask("GET", f"/api/orders/{number}/result")[0] == 404
    assert other.ask("POST", f"/api/orders/{number}/again", {"failed": 1})[0] == 404
    assert visitor.ask("GET", "/api/orders", Cookie="akool_browser=short")[0] == 401


def test_the_world_reaches_photos_and_webhooks_and_nothing_else(visitor: Visitor) -> None:
    photo = visitor.upload()
    for elsewhere in ({"Host": "me.example"}, {"X_Forwarded_For": "192.0.2.7"}):
        for path in ("/", "/health", "/api/orders", "/static/page.js"):
            assert visitor.ask("GET", path, None, **elsewhere)[0] == 404
        assert visitor.ask("GET", f"/photos/{photo}", None, **elsewhere)[:2] == (200, PHOTO)
        assert visitor.ask("POST", "/akool/x", {}, **elsewhere)[0] == 404  # no valid token
    assert visitor.ask("POST", "/api/photos", PHOTO, Origin="https://evil.example")[0] == 403


def test_the_server_listens_on_loopback_only(server: Server) -> None:
    with pytest.raises(OSError, match="refused"):  # what listens everywhere is here as well
        socket.create_connection(("127.0.0.2", server.port), timeout=5).close()


@pytest.mark.parametrize("name", ["..%2Forders.sqlite", "%2e%2e/orders.sqlite", "x.jpg", "a" * 300])
def test_nothing_but_photos_is_served_as_a_photo(visitor: Visitor, name: str) -> None:
    assert visitor.ask("GET", f"/photos/{name}")[0] == 404


def test_what_is_no_photo_is_refused_with_a_reason(visitor: Visitor) -> None:
    status, body, _ = visitor.ask("POST", "/api/photos", b"<script>alert(1)</script>")
    assert (status, json.loads(body)["detail"]) == (
        415,
        "The file is no photo in JPEG, PNG or WebP.",
    )
    status, body, _ = visitor.ask("POST", "/api/photos", PHOTO + bytes(20 * 2**20))
    assert (status, json.loads(body)["detail"]) == (413, "The photo is larger than 20 MB.")


def test_an_order_of_a_photo_that_is_not_here_is_refused(visitor: Visitor) -> None:
    wish = {"photo": "../orders.sqlite", "photo_name": "x", "change": AGE}
    assert visitor.ask("PUT", f"/api/orders/{uuid.uuid4()}", wish)[0] == 422


def test_no_secret_is_printed_or_written_where_it_does_not_belong(
    serve: Serve, akool: Simulator
) -> None:
    server = serve()
    visitor = Visitor(server)
    photo = visitor.upload()
    visitor.until(visitor.order(photo)["id"], "done")
    visitor.ask("POST", "/akool/x", {})
    server.end(signal.SIGTERM)
    said = server.log.read_text()
    assert "is ready" in said
    assert not any(secret in said for secret in (SECRET, akool.api_key, photo, "Traceback"))
    kept = b"".join(path.read_bytes() for path in server.data.rglob("*") if path.is_file())
    assert SECRET.encode() not in kept
    assert akool.api_key.encode() not in kept


# Started by a person


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Server]:
    """A backend as it is started first: without a key, with a simulated Akool of its own."""
    server = Server(tmp_path / "data", {})
    server.start()
    yield server
    server.kill()
    known = json.loads((tmp_path / "data/simulated/simulator.json").read_text())
    os.kill(known["pid"], signal.SIGTERM)


def test_the_simulated_akool_goes_on_when_the_server_is_killed(
    alone: Server, tmp_path: Path
) -> None:
    visitor = Visitor(alone)
    photo = visitor.upload()
    ids = [visitor.order(photo)["id"] for _ in range(3)]
    eventually(lambda: all(each["state"] == "processing" for each in visitor.orders().values()))
    where = tmp_path / "data/simulated/simulator.json"
    before = where.read_bytes()
    alone.kill()
    alone.start()
    assert where.read_bytes() == before
    eventually(lambda: all(visitor.orders()[each]["state"] in {"done", "failed"} for each in ids))


def test_a_server_needs_its_simulated_akool_for_as_long_as_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, held = socket.socketpair()
    found = [Simulated("its name", "http://127.0.0.1:1", "key", "id", SECRET, lease)]
    del lease
    monkeypatch.setattr("examples.web_backend.__main__.attached", lambda _folder: found.pop())
    monkeypatch.delenv("AKOOL_API_KEY", raising=False)
    setup = setup_of(arguments(["--data", str(tmp_path)]), "http://127.0.0.1:2")
    with held:
        held.setblocking(False)
        with pytest.raises(BlockingIOError):  # closed, it would give an empty answer
            held.recv(1)
        assert setup.simulated
        assert isinstance(setup.lease, socket.socket)
        setup.lease.close()


async def test_the_simulated_akool_ends_when_no_server_needs_it() -> None:
    leases = Leases("its name")
    async with await asyncio.start_server(leases.hold, "127.0.0.1", 0) as listening:
        server, lease = await asyncio.open_connection(*listening.sockets[0].getsockname()[:2])
        assert await server.read(8) == b"its name"
        ending = asyncio.create_task(leases.none(0.0))
        await asyncio.sleep(0.1)
        assert not ending.done()
        lease.close()
        await ending


def test_what_an_ended_simulated_akool_had_not_finished_can_be_tried_again(tmp_path: Path) -> None:
    book = OrderBook(tmp_path / "orders.sqlite")
    book.open_account("first")
    book.add("1", "browser", "site", Wish("a.jpg", "ann.jpg", "age", 10, None))
    book.open_account("first")
    assert [order.state for order in book.unfinished()] == ["open"]
    book.open_account("second")
    assert book.unfinished() == []
    order = book.find("1")
    assert order is not None
    assert (order.state, order.again) == ("failed", "try")
    book.close()


def told_at_the_start(
    arguments: list[str], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> str:
    """Start a server that does not start; return what it says."""
    monkeypatch.setattr(sys, "argv", ["web_backend", "--port", "0", *arguments])
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        main()
    return str(ended.value)


def test_a_second_server_in_one_folder_ends_with_a_reason(
    server: Server, akool: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"AKOOL_API_KEY": "key", "AKOOL_BASE_URL": akool.url}
    said = told_at_the_start(["--data", str(server.data)], environment, monkeypatch)
    assert "uses this journal" in said


def test_a_port_that_is_taken_ends_with_a_reason(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = told_at_the_start(["--port", str(server.port)], {}, monkeypatch)
    assert said.endswith("choose another with --port")


def test_a_key_without_a_public_address_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"AKOOL_API_KEY": SECRET}
    said = told_at_the_start(["--data", str(tmp_path / "data")], environment, monkeypatch)
    assert "--site https://" in said
    assert not (tmp_path / "data").exists()
