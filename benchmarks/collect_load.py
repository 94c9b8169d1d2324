"""Load `trueup collect` for as long as wanted, and kill it every few minutes: is what it acknowledged stored, each span once?

    python -m benchmarks.collect_load --minutes 60

Four senders post OTLP JSON of one to seven spans without a pause worth the name; one request in twenty is hostile. What was not
acknowledged is sent again, as exporters do. At the end the folder is ingested and compared with what was acknowledged. The last line is
one JSON object: `acknowledged`, `stored`, `lost` (acknowledged and not stored), `twice`, `refused` (status to count), `kills`, `rss_mb`
(least, most, last), `stop_s` (from SIGTERM to the end).
"""

import argparse
import http.client
import json
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.project import Project

HOSTILE = (
    b'{"kind": true}',
    b"[1,2",
    b"\xff\xfe",
    b"{}",
    b'{"resourceSpans": 5}',
    b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":true,"traceId":"x"}]}]}]}',
)
HOSTILE_SHARE = 0.05
SENDERS, PAUSE_S, RETRY_S = 4, 0.06, 0.3


class Receiver:
    """`trueup collect` in a process of its own, on one port whatever happens to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "trueup", "collect", "--port", str(self.port), "--config", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            if self.process.poll() is not None:
                raise SystemExit(f"trueup collect ended with {self.process.returncode}")
            time.sleep(0.1)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.start()

    def stop(self) -> float:
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(60)
        return time.monotonic() - began

    def rss_mb(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) // 1024  # type: ignore[index]


class Senders:
    """Post until stopped, and keep the trace ids of what was acknowledged."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver, self.acknowledged, self.refused, self.requests = receiver, set[str](), Counter[int](), 0
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(seed,), daemon=True) for seed in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _send(self, seed: int) -> None:
        draw = random.Random(seed)
        while not self._ended.is_set():
            hostile = draw.random() < HOSTILE_SHARE
            ids = [] if hostile else [f"{draw.getrandbits(128):032x}" for _ in range(draw.randrange(1, 8))]
            body = draw.choice(HOSTILE) if hostile else _export(ids, draw)
            while (status := self._post(body)) in (0, 429, 503) and not self._ended.wait(RETRY_S):
                pass
            with self._lock:
                self.requests += 1
                if status == 200:
                    self.acknowledged.update(ids)
                elif status:
                    self.refused[status] += 1
            time.sleep(PAUSE_S)

    def _post(self, body: bytes) -> int:
        """The status; 0 where nothing answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.receiver.port, timeout=20)
        try:
            connection.request("POST", "/v1/traces", body, {"Content-Type": "application/json"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()


def _export(ids: list[str], draw: random.Random) -> bytes:
    spans = [_span(ident, draw) for ident in ids]
    return json.dumps({"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"spans": spans}]}]}).encode()


def _span(ident: str, draw: random.Random) -> dict[str, Any]:
    now = time.time_ns()
    asked = f"question {ident}, mail guest{draw.randrange(999)}@example.org {'word ' * draw.randrange(200)}"
    said = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.input.messages": _messages("user", asked),
        "gen_ai.output.messages": _messages("assistant", f"answer to {ident}"),
    }
    return {
        "traceId": ident,
        "spanId": ident[:16],
        "name": "chat m",
        "startTimeUnixNano": str(now),
        "endTimeUnixNano": str(now + 10**8),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in said.items()],
    }


def _messages(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--kill-every", type=float, default=5.0, metavar="MINUTES")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "trueup.toml").write_text("[project]\nname = 'load'\n")
        receiver = Receiver(folder)
        senders = Senders(receiver)
        rss, kills, end = [receiver.rss_mb()], 0, time.monotonic() + given.minutes * 60
        killed = time.monotonic()
        while time.monotonic() < end:
            time.sleep(min(5.0, given.minutes * 6))
            rss.append(receiver.rss_mb())
            if time.monotonic() - killed > given.kill_every * 60:
                receiver.kill()
                kills, killed = kills + 1, time.monotonic()
        senders.stop()
        stop_s = receiver.stop()
        subprocess.run(
            [sys.executable, "-m", "trueup", "ingest", "--quiet", "--config", place], check=True, stdout=sys.stderr
        )
        stored = Counter(call.trace_id for call in Project.open(folder).calls())
    found = {
        "minutes": given.minutes,
        "requests": senders.requests,
        "acknowledged": len(senders.acknowledged),
        "stored": len(stored),
        "lost": len(senders.acknowledged - stored.keys()),
        "twice": sum(count > 1 for count in stored.values()),
        "refused": dict(senders.refused),
        "kills": kills,
        "rss_mb": [min(rss), max(rss), rss[-1]],
        "stop_s": round(stop_s, 2),
    }
    print(json.dumps(found))
    return int(bool(found["lost"] or found["twice"]))


if __name__ == "__main__":
    sys.exit(main())
