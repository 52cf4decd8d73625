"""A house in a process of its own, to be killed: ``python -m tests.house_alone FOLDER PORT``. Prints ``open`` when its doors are."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.house import open_house


async def main(folder: str, port: str) -> None:
    async with open_house(Path(folder), port=int(port)):
        print("open", flush=True)  # noqa: T201 - the parent process waits for this word
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
