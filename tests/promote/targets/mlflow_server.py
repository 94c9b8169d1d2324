"""A real MLflow server with SQLite.

It has an environment of its own, by default `~/.cache/trueup/mlflow` (or the folder in TRUEUP_MLFLOW_ENV), made where it is missing.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER = "mlflow==3.17.2"


@contextmanager
def mlflow_server(home: Path) -> Iterator[str]:
    """Address of a server that keeps its registry in SQLite, and its artefacts in a folder, below `home`."""
    folder = Path(os.environ.get("TRUEUP_MLFLOW_ENV") or Path.home() / ".cache" / "trueup" / "mlflow")
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", SERVER], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--artifacts-destination", str(home / "files")]
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTEST_CURRENT_TEST")}
    address = f"http://127.0.0.1:{port}"
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=clean, cwd=home, start_new_session=True)
        try:
            _wait(f"{address}/health", server, home / "log")
            yield address
        finally:
            os.killpg(server.pid, 15)
            server.wait(60)


def _wait(url, server, log):
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(log.read_text())
