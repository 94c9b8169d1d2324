"""A small project with failures to review, its page being served, and a real Chromium where there is one."""

import http.client
import json
import threading
from urllib.parse import urlsplit

import pytest

from harness.curate.review.step import Review, queue, record
from harness.project import Project
from harness.sections import Config, ProjectSection
from tests.curate.traces import call, restaurant, thumb
from tests.reports.payloads import hostile


@pytest.fixture
def work(tmp_path):
    """Forty calls of the bad waiter; two of its victims write what no page should run."""
    calls, feedback = restaurant(40)
    for number, text in enumerate(hostile()[:200:100], start=900):
        calls.append(call(number, f"soup {text}", f'{{"dish": "soup", "table": "{number}"}} {text}'))
        feedback.append(thumb(f"t:{number}", -1, comment=text))
    opened = Project.open(Config(project=ProjectSection(name="waiter"), root=str(tmp_path)))
    opened.store.traces.merge(calls, feedback, ())
    return opened


class Sitting:
    def __init__(self, work) -> None:
        self.items = queue(work)
        self.review = Review(lambda item, said: record(work, item, said, "ada"), self.items)
        self.thread = threading.Thread(target=self.review.server.serve, daemon=True)
        self.thread.start()
        self.address = urlsplit(self.review.server.address)

    @property
    def host(self) -> str:
        return self.address.netloc

    def ask(self, method, path="", body=None, **headers):
        """Status, headers and body of one request, with the headers that the page would send unless given."""
        mine = {"Host": self.host} | ({"Origin": f"http://{self.host}"} if method == "POST" else {})
        mine |= {"Content-Type": "application/json"} if body is not None else {}
        given = {name: value for name, value in (mine | headers).items() if value is not None}
        connection = http.client.HTTPConnection("127.0.0.1", self.address.port, timeout=300)
        connection.putrequest(method, path or self.address.path, skip_host=True)
        data = json.dumps(body).encode() if body is not None else b""
        for name, value in {**({"Content-Length": str(len(data))} if body is not None else {}), **given}.items():
            connection.putheader(name, value)
        connection.endheaders(data)
        reply = connection.getresponse()
        found = reply.status, dict(reply.headers), reply.read()
        connection.close()
        return found

    def below(self, path: str) -> str:
        return f"{self.address.path}{path}"


@pytest.fixture
def sitting(work):
    one = Sitting(work)
    yield one
    one.review.server.stop()
    one.thread.join(5)
