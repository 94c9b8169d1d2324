"""Confine this process, then run a model's code or the tests of it. Run as a script; imports nothing of ours but `_remote`.

Two such processes: the `answer` runs the code and serves its names; the `judge` runs the tests, with stand-ins for these
names. So the tests, what they expect, and the word that they passed are never in the process of the judged code.

Standard input is JSON: `role`, `text` (the code or the tests), `socket` (the number of the inherited one), `seconds`, `memory`
(bytes), `folder`. The judge prints one JSON object: `passed` and `why`. Confined means: no network (a network namespace of its
own), no file outside the Python library and the empty folder (Landlock, Linux 5.13), no signal to others (Linux 6.12, or where
root started it), no further process, no rights of root, and limits on time, memory and files. What cannot be confined is not
run: exit code `UNCONFINED`.
"""

import ctypes
import json
import os
import resource
import socket
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.evaluate.scorers import _remote
else:
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    import _remote

    del sys.path[0]

UNCONFINED = 97

NEW_NETWORK, NEW_USER = 0x40000000 | 0x08000000, 0x10000000  # CLONE_NEWNET and _NEWIPC, CLONE_NEWUSER of sched.h
KEEP_CAPABILITIES, NO_NEW_PRIVILEGES = 8, 38  # of sys/prctl.h
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # system calls of Landlock, the same on all architectures
READ, READ_FOLDER = 0b101, 0b1101  # rights of linux/landlock.h: execute and read a file; the same, and list a folder
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""Landlock version to the number of file rights that it knows; later ones have 16."""
NET_RIGHTS, SCOPES = 0b11, 0b11  # bind and connect TCP (version 4); abstract sockets and signals (version 6)
LIBRARIES = ("/usr/lib", "/lib", "/lib64", "/usr/lib64", "/dev/null", "/dev/zero", "/dev/urandom")
NOBODY = 65534
CAPABILITY_VERSION, MAY_READ = 0x20080522, 1 << 2  # _LINUX_CAPABILITY_VERSION_3, CAP_DAC_READ_SEARCH


class Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scopes", ctypes.c_uint64)]


class Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def main() -> None:
    job = json.load(sys.stdin)
    outcome = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        confine(job["folder"])
    except OSError as error:
        print(error, file=sys.stderr)
        os._exit(UNCONFINED)
    limit(job["seconds"], job["memory"])
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    wire = _remote.Wire(socket.socket(fileno=job["socket"]))
    if job["role"] == "answer":
        os.close(outcome)
        answer(job["text"], wire)
    else:
        found = judge(job["text"], wire)
        os.write(outcome, json.dumps(found).encode())


def answer(code: str, wire: _remote.Wire) -> None:
    """Run the code, then serve what it defined until the judge is done."""
    server, names = _remote.NameServer(wire), {"__name__": "answer"}
    try:
        exec(compile(code, "<answer>", "exec"), names)
    except Exception as error:
        server.failed(error)
        return
    server.names(names)
    server.serve()


def judge(tests: str, wire: _remote.Wire) -> dict[str, Any]:
    """Run the tests to their end; whether they passed, and why not."""
    asker = _remote.Asker(wire)
    try:
        names = {**asker.names(), "__name__": "tests"}
        exec(compile(tests, "<tests>", "exec"), names)
    except _remote.Broken:
        return {"passed": False, "why": ""}
    except BaseException as error:
        return {"passed": False, "why": f"{type(error).__name__}: {error}".removesuffix(": ")[:2000]}
    return {"passed": True, "why": ""}


def confine(folder: str) -> None:
    """Raises OSError when the machine cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.getuid() == 0:
        _checked(libc.unshare(NEW_NETWORK), "no network namespace")
        _drop_root(libc)
    else:
        _checked(libc.unshare(NEW_NETWORK | NEW_USER), "no network namespace")
    _checked(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0), "privileges cannot be given up")
    version = _checked(libc.syscall(CREATE_RULESET, None, 0, 1), "no Landlock")
    everything = (1 << FILE_RIGHTS.get(version, 16)) - 1
    ruleset, size = Ruleset(everything, NET_RIGHTS, SCOPES), 8 if version < 4 else 16 if version < 6 else 24
    rules = _checked(libc.syscall(CREATE_RULESET, ctypes.byref(ruleset), size, 0), "no Landlock rules")
    for path in (*LIBRARIES, os.path.dirname(os.__file__)):
        if os.path.exists(path):
            _allow(libc, rules, path, READ_FOLDER if os.path.isdir(path) else READ)
    _allow(libc, rules, folder, everything)
    _checked(libc.syscall(RESTRICT_SELF, rules, 0), "Landlock could not be enabled")


def _drop_root(libc: ctypes.CDLL) -> None:
    """Become nobody, who may still read what root may (a Python below /root): Landlock says which of it."""
    _checked(libc.prctl(KEEP_CAPABILITIES, 1, 0, 0, 0), "capabilities cannot be kept")
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    header, sets = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)(MAY_READ, MAY_READ)
    _checked(libc.capset(header, sets), "capabilities cannot be dropped")


def _allow(libc: ctypes.CDLL, rules: int, path: str, rights: int) -> None:
    handle = os.open(path, os.O_PATH)
    rule = Beneath(rights, handle)
    _checked(libc.syscall(ADD_RULE, rules, 1, ctypes.byref(rule), 0), f"no Landlock rule for {path}")
    os.close(handle)


def _checked(result: int, what: str) -> int:
    if result < 0:
        raise OSError(f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def limit(seconds: float, memory: int) -> None:
    """Processor time, memory, written bytes, open files; and no further process."""
    for kind, most in (
        (resource.RLIMIT_CPU, int(seconds) + 1),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 2**20),
        (resource.RLIMIT_NOFILE, 32),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main()
