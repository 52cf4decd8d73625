"""Run a program and write down everything that it and its children write to anything but a socket or a pipe, with the bytes.

    python -m tests.every_write NOTES PROGRAM ARGUMENTS...

It asks the kernel, not the program: every way in which Linux lets a process put bytes into a file, map one for writing, make one
without a name or start another program stops the process until it is noted here. Nothing the program does (a C library, a thread,
a child) goes round that; a ring, through which it could write unseen, is refused to it as if this Linux had none. What only
reads, and what goes through sockets, runs at full speed.

A note is one JSON line: when (ns, monotonic), call, what was written to (as the kernel names it), and the bytes in base64.
It needs Linux and the right to trace one's own children, and nothing else: no root, no strace.
"""

from __future__ import annotations

import base64
import ctypes
import errno
import json
import os
import platform
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any, TextIO

SEIZE, CONT, SYSCALL_INFO, LISTEN = 0x4206, 7, 0x420E, 0x4208
#: PTRACE_O_TRACEFORK, VFORK, CLONE, EXEC, SECCOMP, and EXITKILL: nothing of it runs on unseen when this process is gone.
OPTIONS = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 7 | 1 << 20
EVENT_SECCOMP, EVENT_STOP = 7, 128

#: Where the bytes are: (descriptor, address, length), counted in arguments; a list of such, "vector"; or nowhere, None.
BYTES: dict[str, Any] = {
    "write": (0, 1, 2), "pwrite64": (0, 1, 2), "writev": "vector", "pwritev": "vector", "pwritev2": "vector",
    "sendfile": (0, None, 3), "copy_file_range": (2, None, 4), "splice": (2, None, 4), "vmsplice": (0, None, 2),
    "mmap": "map", "memfd_create": None, "process_vm_writev": None, "execve": None, "execveat": None,
    "fallocate": (0, None, 3),
}  # fmt: skip
NUMBERS: dict[str, dict[str, int]] = {
    "x86_64": {
        "write": 1, "mmap": 9, "pwrite64": 18, "writev": 20, "sendfile": 40, "execve": 59, "splice": 275, "vmsplice": 278, "fallocate": 285,
        "pwritev": 296, "process_vm_writev": 311, "memfd_create": 319, "execveat": 322, "copy_file_range": 326, "pwritev2": 328,
    },
    "aarch64": {
        "write": 64, "mmap": 222, "pwrite64": 68, "writev": 66, "sendfile": 71, "execve": 221, "splice": 76, "vmsplice": 75,
        "fallocate": 47,
        "pwritev": 70, "process_vm_writev": 271, "memfd_create": 279, "execveat": 281, "copy_file_range": 285, "pwritev2": 287,
    },
}  # fmt: skip
IO_URING_SETUP = 425  # on every machine
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(what: int, pid: int, address: int | None = 0, data: Any = 0) -> int:
    done = int(libc.ptrace(what, pid, address, data))
    if done < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return done


# -- in the child, before it becomes the program -----------------------------------------------------------------------------


def only_these_stop(numbers: list[int], arch: int) -> None:
    """A filter that lets every call through but these, which stop for the tracer; a call of a foreign kind stops too."""

    def line(code: int, yes: int, no: int, value: int) -> bytes:
        return struct.pack("=HBBI", code, yes, no, value)

    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    lines = [line(load, 0, 0, 4), line(equal, 0, len(numbers) + 4, arch), line(load, 0, 0, 0)]
    lines.append(line(at_least, len(numbers) + 2, 0, 0x40000000))  # the x32 way to number calls
    lines.append(line(equal, len(numbers) + 2, 0, IO_URING_SETUP))
    lines += [line(equal, len(numbers) - n, 0, number) for n, number in enumerate(numbers)]
    lines += [
        line(give, 0, 0, what) for what in (0x7FFF0000, 0x7FF00000, 0x50000 | errno.ENOSYS)
    ]  # allow; stop; refuse
    program = ctypes.create_string_buffer(b"".join(lines))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(lines), ctypes.addressof(program)))
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, header, 0, 0):  # no new privileges; the filter
        raise OSError(ctypes.get_errno(), "no filter")


def begin(command: list[str], numbers: list[int], arch: int, go: int) -> None:
    os.read(go, 1)  # the tracer holds us
    only_these_stop(numbers, arch)
    os.execvp(command[0], command)


# -- the tracer ---------------------------------------------------------------------------------------------------------------


class Notes:
    def __init__(self, out: TextIO, names: dict[int, str]) -> None:
        self.out, self.names = out, names

    def stopped(self, pid: int) -> None:
        """This thread is about to make one of the calls."""
        told = ctypes.create_string_buffer(88)
        ptrace(SYSCALL_INFO, pid, len(told), ctypes.addressof(told))
        number, *arguments = struct.unpack_from("=7Q", told.raw, 24)
        name = self.names.get(number, f"call {number} of another kind")
        shape = BYTES.get(name)
        if shape == "map":
            _, _, protection, flags, descriptor, _ = arguments
            if protection & 2 and flags & 1 and descriptor < 1 << 31:
                self.note(name, self.target(pid, descriptor))
            return
        if shape is None:
            self.note(
                name, self.text(pid, arguments[1 if name == "execveat" else 0]) if name[:4] in ("exec", "memf") else ""
            )
            return
        what = self.target(pid, arguments[0 if shape == "vector" else shape[0]])
        if what.startswith(("socket:", "pipe:", "anon_inode:")):
            return
        if shape == "vector":
            pairs = struct.iter_unpack("=QQ", self.read(pid, arguments[1], 16 * arguments[2]))
            self.note(name, what, b"".join(self.read(pid, at, size) for at, size in pairs))
        elif shape[1] is None:
            self.note(name, what, size=arguments[shape[2]])
        else:
            self.note(name, what, self.read(pid, arguments[shape[1]], arguments[shape[2]]))

    def note(self, call: str, what: str, data: bytes = b"", size: int = 0) -> None:
        told = {"at": time.monotonic_ns(), "call": call, "to": what, "size": size or len(data)}
        self.out.write(json.dumps({**told, "bytes": base64.b64encode(data).decode()}) + "\n")
        self.out.flush()

    def target(self, pid: int, descriptor: int) -> str:
        try:
            return os.readlink(f"/proc/{pid}/fd/{descriptor & 0xFFFFFFFF}")
        except OSError:
            return "nothing open"  # the call will fail

    def read(self, pid: int, at: int, size: int) -> bytes:
        try:
            with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
                return os.pread(memory.fileno(), size, at)
        except OSError:
            return b""

    def text(self, pid: int, at: int) -> str:
        return self.read(pid, at, min(256, 4096 - at % 4096)).partition(b"\0")[0].decode(errors="replace")


def follow(first: int, notes: Notes) -> int:
    """Until the first process has ended; its exit status."""
    while True:
        try:
            pid, status = os.waitpid(-1, 0x40000000)  # __WALL: threads too
        except ChildProcessError:
            return 1
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            if pid == first:
                return os.waitstatus_to_exitcode(status)
            continue
        number, event = os.WSTOPSIG(status), status >> 16
        try:
            if event == EVENT_SECCOMP:
                notes.stopped(pid)
            if event == EVENT_STOP and number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
                ptrace(LISTEN, pid)  # it was told to stand still, and does
            else:
                ptrace(CONT, pid, 0, 0 if event else number)
        except OSError as fault:
            if fault.errno != errno.ESRCH:  # killed meanwhile
                raise


def main(arguments: list[str]) -> int:
    machine = platform.machine()
    if sys.platform != "linux" or machine not in NUMBERS:
        print(f"every_write knows Linux on {' and '.join(NUMBERS)}, not this.", file=sys.stderr)  # noqa: T201  # a hand tool
        return 2
    numbers = NUMBERS[machine]
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(theirs)
        try:
            begin(arguments[1:], list(numbers.values()), AUDIT_ARCH[machine], ours)
        finally:
            os._exit(127)
    ptrace(SEIZE, child, 0, OPTIONS)
    os.write(theirs, b"g")
    os.close(theirs)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: os.kill(child, number))
    with Path(arguments[0]).open("w", encoding="utf-8") as out:
        return follow(child, Notes(out, {number: name for name, number in numbers.items()}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
