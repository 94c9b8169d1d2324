"""A stand-in for the Hub's HTTP API, as far as huggingface_hub asks it for small files in model repositories."""

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlparse

Files = dict[str, bytes]


class HubServer(ThreadingHTTPServer):
    """One repository: branch to its files. `denied`: the status for whoever writes; `down` for whoever asks."""

    daemon_threads = True

    def __init__(self, repo: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repo, self.exists = repo, False
        self.branches: dict[str, Files] = {}
        self.denied = self.down = 0
        self.commits: list[tuple[str, dict[str, list[str]]]] = []
        """Branch of each commit, and the paths of each kind of operation in it."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def read(self, path: str) -> tuple[int, object, dict[str, str]]:
        api = f"/api/models/{self.repo}/"
        if not self.exists:
            return 404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"}
        if path == f"{api}refs":
            refs = [
                {"name": name, "ref": f"refs/heads/{name}", "targetCommit": _commit(files)}
                for name, files in self.branches.items()
            ]
            return 200, {"branches": refs, "converts": [], "tags": []}, {}
        kind, _, rest = (
            path.removeprefix(api) if path.startswith(api) else path.removeprefix(f"/{self.repo}/")
        ).partition("/")
        branch, _, name = rest.partition("/")
        files = self._of(branch)
        if files is None:
            return 404, {"error": "Revision not found"}, {"X-Error-Code": "RevisionNotFound"}
        if kind in ("tree", "revision"):
            entries = [_entry(name, data) for name, data in files.items()]
            siblings = [{"rfilename": name} for name in files]
            info = {
                "id": self.repo,
                "sha": _commit(files),
                "siblings": siblings,
                "private": True,
                "downloads": 0,
                "tags": [],
                "likes": 0,
            }
            return 200, entries if kind == "tree" else info, {}
        if name not in files:
            return 404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"}
        etag = f'"{hashlib.sha1(files[name]).hexdigest()}"'
        return 200, files[name], {"ETag": etag, "X-Repo-Commit": _commit(files)}

    def write(self, path: str, body: bytes) -> tuple[int, object, dict[str, str]]:
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}, {}
        if self.denied:
            return self.denied, {"error": "Forbidden"}, {}
        if path == "/api/repos/create":
            code, self.exists = 409 if self.exists else 200, True
            self.branches.setdefault("main", {".gitattributes": b""})
            return code, {"url": f"{self.url}/{self.repo}", "id": self.repo}, {}
        kind, _, branch = path.removeprefix(f"/api/models/{self.repo}/").partition("/")
        if kind == "branch":
            start = json.loads(body).get("startingPoint", "main")
            self.branches[branch] = dict(self.branches[start])
            return 200, {}, {}
        if kind == "preupload":
            asked = json.loads(body)["files"]
            return (
                200,
                {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in asked]},
                {},
            )
        files = self._of(branch)
        if kind == "paths-info":
            wanted = parse_qs(body.decode())["paths"]
            return 200, [_entry(name, files[name]) for name in wanted if name in files], {}
        return self._commit(branch, [json.loads(line) for line in body.splitlines() if line])

    def _commit(self, branch: str, lines: list[dict]) -> tuple[int, object, dict[str, str]]:
        done: dict[str, list[str]] = {}
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                self.branches[branch][value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                del self.branches[branch][value["path"]]
            done.setdefault(line["key"], []).append(value.get("path", ""))
        self.commits.append((branch, done))
        oid = _commit(self.branches[branch])
        return (
            200,
            {"success": True, "commitOid": oid, "commitUrl": f"{self.url}/{self.repo}/commit/{oid}", "hookOutput": ""},
            {},
        )

    def _of(self, revision: str) -> Files | None:
        """By the name of a branch, or by a commit."""
        by_commit = {_commit(files): files for files in self.branches.values()}
        return self.branches.get(revision, by_commit.get(revision))


def _entry(name: str, data: bytes) -> dict[str, object]:
    return {
        "type": "file",
        "path": name,
        "size": len(data),
        "oid": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(),
    }


def _commit(files: Files) -> str:
    return hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(*self.server.read(unquote(urlparse(self.path).path)))

    do_HEAD = do_GET

    def do_DELETE(self) -> None:
        branch = self.path.rpartition("/branch/")[2]
        self.server.branches.pop(unquote(branch), None)
        self._answer(200, {}, {})

    def do_POST(self) -> None:
        self._answer(*self.server.write(unquote(urlparse(self.path).path), self._body()))

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, given: object, headers: dict[str, str]) -> None:
        if self.server.down:
            status, given, headers = self.server.down, {"error": "down"}, {}
        data = given if isinstance(given, bytes) else json.dumps(given).encode()
        self.send_response(status)
        for name, value in {"content-length": str(len(data)), "content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the test's output."""
