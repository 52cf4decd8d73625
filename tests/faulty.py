"""A house with one guard less: ``python -m tests.faulty NAME serve`` (or another command of ``ringfence``). For tests only.

The fault is put into this process and nothing else: no file changes, and the packaged house has no such door.
``python -m tests.faulty NAME pytest TEST …`` runs tests in such a process: a test of the promise that the fault breaks must fail there.
``python -m tests.faulty --list`` prints all faults with the promise that each breaks.
"""

from __future__ import annotations

import sys

from tests.faults import FAULTS


def main(argv: list[str]) -> int:
    if argv == ["--list"]:
        for name, fault in FAULTS.items():
            sys.stdout.write(f"{name}: breaks {fault.breaks}: {fault.guard}.\n")
        return 0
    if len(argv) < 2 or argv[0] not in FAULTS:
        sys.stderr.write(f"Say which fault ({', '.join(FAULTS)}) and a command of ringfence.\n")
        return 2
    FAULTS[argv[0]].seed()
    if argv[1] == "pytest":
        import pytest

        return int(pytest.main([*argv[2:], "-q", "-p", "no:cacheprovider"]))
    from server import cli

    return cli.main(argv[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
