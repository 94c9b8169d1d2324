"""A stand-in for the APIs of GitHub and GitLab, and for a webhook's receiver, on this machine."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BOT, MEMBER, STRANGER = ("Bot", "NONE"), ("User", "MEMBER"), ("User", "NONE")
PAGE = 2
"""Comments on one page of the stand-in, so that there are several."""


class Api:
    """What was sent, and the comments that there are. `refuse` maps a method to the status it is answered with."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, dict, object]] = []
        self.comments: list[dict] = []
        self.refuse: dict[str, int] = {}
        self.url, self.is_private = "", True

    def comment(self, body: str, who: tuple[str, str] = BOT, author: int = 7) -> dict:
        kind, association = who
        made = {"id": len(self.comments) + 1, "body": body, "user": {"type": kind}, "author_association": association}
        self.comments.append({**made, "author": {"id": author}})
        return self.comments[-1]

    def writes(self) -> list[str]:
        return [method for method, *_ in self.sent if method != "GET"]

    def answer(self, method: str, path: str, body: object) -> tuple[int, object, dict[str, str]]:
        if method in self.refuse:
            return self.refuse[method], {"message": "no"}, {}
        if path == "/repos/o/r":
            return 200, {"private": self.is_private}, {}
        if path.endswith("/user"):
            return 200, {"id": 7}, {}
        if method == "GET" and ("/comments" in path or "/notes" in path):
            page = int((re.search(r"[?&]page=(\d+)", path) or [0, 1])[1])
            later = f'<{self.url}/repos/o/r/issues/12/comments?per_page=100&page={page + 1}>; rel="next"'
            rest = self.comments[page * PAGE :]
            return 200, self.comments[(page - 1) * PAGE : page * PAGE], {"link": later} if rest else {}
        if method in ("PATCH", "PUT"):
            self.comments[int(path.rpartition("/")[2]) - 1]["body"] = body["body"]
            return 200, {}, {}
        if "/comments" in path or "/notes" in path:
            self.comment(body["body"])
        return 201, {}, {}


@contextmanager
def serving() -> Iterator[Api]:
    """The stand-in on a free port, until the block ends."""
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            body = json.loads(raw) if raw else None
            api.sent.append(
                (self.command, self.path, {**{k.lower(): v for k, v in self.headers.items()}, "raw": raw}, body)
            )
            status, answer, headers = api.answer(self.command, self.path, body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = handle_one

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
