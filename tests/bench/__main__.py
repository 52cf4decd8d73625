"""``make bench``: every speed and memory claim of ours, measured again, each beside a yardstick of the same run.

A row is a name, a value with its unit, what the yardstick was, and the ratio to it. Figures on a shared machine drift; ratios
hold. The same rows go to ``var/bench.json``. ``--quick`` makes every run short: to see that the benches work, not to quote.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench.gate import pin

MODULES = ("gate", "cut", "signalling", "policy", "reask", "probes", "mark")
PACKAGES = (
    "aiohttp",
    "aiortc",
    "cedarpy",
    "msgspec",
    "numpy",
    "opencv-python-headless",
    "pylibsrtp",
    "pyopenssl",
    "sqlalchemy",
    "uvloop",
)


def machine() -> dict[str, Any]:
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "versions": {name: version(name) for name in PACKAGES},
        "calibration_ms": round(calibration(), 1),
    }


def calibration() -> float:
    """CPU milliseconds of a fixed loop: tells how fast this machine was at that moment."""
    start = time.process_time()
    total = 0
    for i in range(2_000_000):
        total += i ^ (total & 0xFF)
    return (time.process_time() - start) * 1000


def show(rows: list[dict[str, Any]]) -> None:
    head = ("name", "value", "unit", "yardstick", "ratio")
    cells = [head] + [
        tuple(f"{row[h]:.3g}" if isinstance(row[h], float) else str(row[h]) if row[h] is not None else "" for h in head)
        for row in rows
    ]
    widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
    for line in cells:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())  # noqa: T201  # this is the command's output


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=MODULES, action="append")
    options = parser.parse_args()
    told = machine()
    print(json.dumps(told, indent=1))  # noqa: T201  # this is the command's output
    rows: list[dict[str, Any]] = []
    for name in options.only or MODULES:
        pin(0)  # the load here, what is measured on another core where there is one
        module = importlib.import_module(f"tests.bench.{name}")
        print(f"-- {name} ...", flush=True)  # noqa: T201  # this is the command's output
        found = asyncio.run(module.rows(options.quick))
        show(found)
        rows += found
    out = Path("var/bench.json")
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps({"machine": told, "quick": options.quick, "rows": rows}, indent=1) + "\n")
    print("\nAll rows, also in var/bench.json:\n")  # noqa: T201  # this is the command's output
    show(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
