"""Confine this process, then run a model's code and the tests of it. Run as a script; imports nothing of ours.

Standard input is JSON: `code`, `tests`, `token`, `seconds`, `memory` (bytes), `folder`. The token on the last line of
standard output says that the tests ran to their end. Confined means: no network (a network namespace of its own), no
file outside the Python library and the empty folder (Landlock, Linux 5.13), no signal to others (Linux 6.12, or where
root started it), no further process, no rights of root, and limits on time, memory and files. What cannot be confined
is not run: exit code `UNCONFINED`.
"""

import ctypes
import json
import os
import resource
import sys

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
    try:
        confine(job["folder"])
    except OSError as error:
        print(error, file=sys.stderr)
        os._exit(UNCONFINED)
    limit(job["seconds"], job["memory"])
    token, names = job.pop("token"), {"__name__": "answer"}
    exec(compile(job["code"], "<answer>", "exec"), names)
    exec(compile(job["tests"], "<tests>", "exec"), names)
    print(f"\n{token}", flush=True)


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
    _checked(libc.syscall(RESTRICT_SELF, rules, 0), "Landlock does not hold")


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
