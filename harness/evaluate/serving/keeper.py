"""Run a server as part of this process's group, so that it ends when the process that wanted it does, however that ends."""

import os
import sys

from harness.core.codec import decode
from harness.core.worker import keep, parent

FOREIGN = ("PYTHONPATH", "PYTHONHOME", "PYTEST_DISABLE_PLUGIN_AUTOLOAD")
"""Variables that mean this environment's packages: the server's are others."""

if __name__ == "__main__":
    above = parent()
    command = decode(sys.argv[1], list[str])
    sys.exit(keep(command, {name: value for name, value in os.environ.items() if name not in FOREIGN}, above))
