"""How often is the mark read? ``python -m tests.trace_trials``, on scenes of seed 1000 and up, which nothing was tuned on.

Three kinds of trials, each with a file of its own in ``var/``. All judge more strictly than the command: *every* id counts as issued, so
whatever fits by 0.62 and is not the one that is there is a false reading.

``--calls``     what viewers of real calls got (``tests/trace_calls.py`` recorded them: page, encoder, gate, decoder), 3 s of each, through
                every attack of ``trace_scenes.ATTACKS``; and the copies of two viewers of one call averaged.
(nothing)       the same attacks on scenes that are marked here by the formula, through VP8 at 300 kbit/s.
``--unmarked``  clips without a mark, given to the whole search.

Even trials have a still camera, odd ones a moving one. One line of JSON a clip is written as soon as it is known, so a run may be broken
off and goes on where it was; the table comes from that file.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from server.trace import bound, detect, pattern, reader
from tests import trace_calls, trace_scenes
from tests.trace_scenes import ATTACKS, FIRST_SEED, HARDER, MOVING, STILL, Clip, family

TOGETHER = {"two recipients averaged, same phase": 0, "two recipients averaged, 90 degrees apart": 1}


COPIES = "two recipients of one call averaged"
TOGETHER_S = 0.012  #: frames of two copies that are no further apart are one picture of the camera


class Everything(Mapping[int, str]):
    """A table in which every id was issued."""

    def __getitem__(self, mark_id: int) -> str:
        return f"{mark_id:08x}"

    def __contains__(self, mark_id: object) -> bool:
        return True

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 1 << 32


def chance(trial: int, what: str) -> np.random.Generator:
    return np.random.default_rng([FIRST_SEED + trial, *what.encode()])


def marked_files(
    trial: int, seconds: float, names: list[str], speed: float = 1.0
) -> Iterator[tuple[str, bytes, set[int]]]:
    """The files of one trial, one for each attack, and the ids that they may be read as."""
    draw = chance(trial, "mark")
    tile = pattern.tile(draw.bytes(32))
    first, second = (int(one) for one in draw.integers(0, 1 << 32, 2))
    start, quarter = float(draw.uniform(0, 1)), int(draw.integers(0, 4))
    scene = trace_scenes.scene(family(trial), FIRST_SEED + trial, seconds, speed=speed)
    seen = trace_scenes.called(trace_scenes.mark(scene, tile, first, quarter, start))
    for name in names:
        if name in TOGETHER:
            other = trace_scenes.mark(scene, tile, second, quarter + TOGETHER[name], start)
            pair = zip(seen.frames, trace_scenes.called(other).frames, strict=False)
            both = Clip([cv2.addWeighted(a, 0.5, b, 0.5, 0).astype(np.uint8) for a, b in pair], seen.times)
            both = Clip(both.frames, seen.times[: len(both.frames)])
            yield name, trace_scenes.encoded(both, "h264", 250), {first, second}
        else:
            yield name, (ATTACKS | HARDER)[name](seen, chance(trial, name)), {first}


def recorded_files(call: dict[str, Any], seconds: float, names: list[str]) -> Iterator[tuple[str, bytes, set[int]]]:
    """The files of one scene that two viewers of a call saw: the attacks on the copy of one of them, and both averaged."""
    trial = call["trial"]
    ids = [copy["id"] for copy in call["copies"]]
    seen = [start_of(trace_calls.kept(trace_calls.FOLDER / f"{trial}_{n}.mkv"), seconds) for n in range(len(ids))]
    mine = trial // 2 % len(ids)
    for name in names:
        if name == COPIES:
            yield name, trace_scenes.encoded(averaged(*seen), "h264", 250), set(ids)
        else:
            yield name, (ATTACKS | HARDER)[name](seen[mine], chance(trial, name)), {ids[mine]}


def start_of(clip: Clip, seconds: float) -> Clip:
    count = sum(t < clip.times[0] + seconds for t in clip.times)
    return Clip(clip.frames[:count], clip.times[:count])


def averaged(one: Clip, other: Clip) -> Clip:
    """Two people who put their copies together. The clocks of two streams begin anywhere, so the pictures say which belong together."""

    def small(clip: Clip) -> npt.NDArray[np.float32]:
        return np.stack([cv2.resize(luma, (64, 48), interpolation=cv2.INTER_AREA) for luma in clip.frames]).astype(
            np.float32
        )

    mine, theirs, times = small(one), small(other), np.asarray(other.times)

    def pairs(shift: float) -> list[tuple[int, int]]:
        nearest = [int(np.abs(times - (t + shift)).argmin()) for t in one.times]
        return [(n, k) for n, k in enumerate(nearest) if abs(times[k] - one.times[n] - shift) < TOGETHER_S]

    def apart(shift: float) -> float:
        some = pairs(shift)
        if len(some) < len(one.times) / 2:
            return np.inf
        return float(np.mean([np.abs(mine[n] - theirs[k]).mean() for n, k in some]))

    best = pairs(min(np.arange(-0.5, 0.5, 1 / 90), key=apart))
    frames = [cv2.addWeighted(one.frames[n], 0.5, other.frames[k], 0.5, 0).astype(np.uint8) for n, k in best]
    return Clip(frames, [one.times[n] for n, _ in best])


def opened(data: bytes, folder: Path) -> reader.Clip:
    """Through a file, as the command opens it."""
    file = folder / "clip"
    file.write_bytes(data)
    clip = reader.read(file)
    assert isinstance(clip, reader.Clip), clip
    return clip


def read_back(data: bytes, tile: pattern.Tile, folder: Path) -> dict[str, Any]:
    clip = opened(data, folder)
    before = time.perf_counter()
    found = detect.read(clip.frames, clip.times, tile, Everything())
    return {
        "read": found.mark_id,
        "rho": found.correlation,
        "attempts": found.attempts,
        "looked_s": round(found.looked_s, 2),
        "search_s": round(time.perf_counter() - before, 2),
    }


def run(arguments: argparse.Namespace, folder: Path) -> None:
    cv2.setNumThreads(1)
    with arguments.out.open("a") as out:
        for trial, tile, files in trials(arguments):
            for name, data, right in files:
                result = (read_nothing if arguments.unmarked else read_back)(data, tile, folder)
                verdict = "none" if result["read"] is None else "right" if result["read"] in right else "wrong"
                line = {"trial": trial, "family": family(trial), "attack": name, "verdict": verdict} | result
                out.write(json.dumps(line) + "\n")
                out.flush()


def trials(arguments: argparse.Namespace) -> Iterator[tuple[int, pattern.Tile, Iterator[tuple[str, bytes, set[int]]]]]:
    """What has not been done yet: number, tile, and files with a name and the ids that they may be read as."""
    done = {(line["trial"], line["attack"]) for line in lines(arguments.out)}
    names = [*ATTACKS, *((COPIES,) if arguments.calls else TOGETHER), *(HARDER if arguments.harder else ())]
    numbers = range(arguments.first, arguments.first + arguments.trials)
    calls = {call["trial"]: call for call in trace_calls.calls()} if arguments.calls else {}
    for trial in numbers:
        left = [name for name in names if (trial, name) not in done]
        tile = pattern.tile(chance(trial, "mark").bytes(32))
        if arguments.unmarked:
            if (trial, "unmarked") not in done:
                yield trial, tile, iter([("unmarked", unmarked_file(trial, arguments.seconds), set())])
        elif not arguments.calls:
            yield trial, tile, marked_files(trial, arguments.seconds, left, arguments.speed)
        elif trial in calls and left:
            yield (
                trial,
                pattern.tile(bytes.fromhex(calls[trial]["key"])),
                recorded_files(calls[trial], arguments.seconds, left),
            )


#: Sizes of the unmarked clips, in turn. Small ones cost little to search, and chance does not care; now and then one so large that
#: it is searched in windows too.
SIZES = ((320, 240), (400, 300), (320, 240), (480, 360), (320, 240), (400, 300), (320, 240), (640, 480))
LARGE_EVERY, LARGE = 25, (1280, 720)


def unmarked_file(trial: int, seconds: float) -> bytes:
    size = LARGE if trial % LARGE_EVERY == LARGE_EVERY - 1 else SIZES[trial % len(SIZES)]
    # 15 frames a second: the reader keeps no more.
    scene = trace_scenes.scene(family(trial), FIRST_SEED + trial, seconds, fps=15)
    scene = scene.each(lambda one: np.asarray(cv2.resize(one, size, interpolation=cv2.INTER_AREA), np.uint8))
    return trace_scenes.encoded(scene, "h264" if trial // 3 % 2 else "vp8", 300)


def read_nothing(data: bytes, tile: pattern.Tile, folder: Path) -> dict[str, Any]:
    """The whole search, as the command makes it, on a clip that has no mark; with every correlation that was seen."""
    clip = opened(data, folder)
    before = time.perf_counter()
    found = [one for one, _at in islice(detect.attempted(clip.frames, clip.times, tile), bound.MAX_ATTEMPTS)]
    read = next((one for one in found if one.rho >= bound.RHO), None)
    return {
        "read": read and read.mark_id,
        "rho": read and read.rho,
        "attempts": len(found),
        "looked_s": round(clip.times[-1] - clip.times[0], 2),
        "size": list(clip.frames[0].shape[::-1]),
        "seen": [round(one.rho, 4) for one in found],
        "search_s": round(time.perf_counter() - before, 2),
    }


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def between(right: int, count: int) -> tuple[float, float]:
    """Wilson's interval, 95 %."""
    z, p = 1.96, right / count
    spread = z * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    middle, below = p + z * z / (2 * count), 1 + z * z / count
    return (middle - spread) / below, (middle + spread) / below


def share(verdicts: list[str]) -> str:
    right, count = verdicts.count("right"), len(verdicts)
    return (
        f"{right}/{count} ({' to '.join(f'{one:.0%}'[:-1] for one in between(right, count))} %)" if count else "not run"
    )


def table(found: list[dict[str, Any]]) -> str:
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in found:
        rows[line["attack"]].append(line)
    text = ["| what was done to the recording | still camera | moving camera | false readings |", "|---|---|---|---|"]
    for name, some in rows.items():
        cells = [share([one["verdict"] for one in some if one["family"] in group]) for group in (STILL, MOVING)]
        text.append(f"| {name} | {' | '.join(cells)} | {[one['verdict'] for one in some].count('wrong')} |")
    alone = [one for one in found if one["attack"] not in (COPIES, *TOGETHER)]
    for said, group in (("still", STILL), ("moving", MOVING)):
        some = [one["verdict"] for one in alone if one["family"] in group]
        text.append(f"{said} camera, one recipient, all rows: {share(some)}")
    correlations = [rho for one in found for rho in one.get("seen", ())]
    for rho in (0.44, 0.46, 0.47, 0.48, 0.49, 0.5) if correlations else ():
        more = sum(one >= rho for one in correlations)
        text.append(
            f"{more} of {len(correlations)} decodings reached {rho}; chance allows {len(correlations) * bound.false_alarm(rho, 1):.1f}"
        )
    seconds = sum(one["looked_s"] for one in found)
    search = sorted(one["search_s"] for one in found)
    attempts = max((one["attempts"] for one in found), default=0)
    text.append(f"\n{len(found)} clips, {seconds:.0f} s looked at; most attempts on one clip: {attempts}.")
    if search:
        text.append(f"Search: median {search[len(search) // 2]:.1f} s, longest {search[-1]:.1f} s.")
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=54)
    parser.add_argument("--first", type=int, default=0, help="number of the first trial")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--speed", type=float, default=1.0, help="how fast a moving camera moves")
    parser.add_argument("--harder", action="store_true", help="also what is outside the aims")
    parser.add_argument("--calls", action="store_true", help="on what viewers of real calls got")
    parser.add_argument("--unmarked", action="store_true", help="on clips without a mark")
    parser.add_argument("--table", action="store_true", help="only print the table of what is there")
    parser.add_argument("--out", type=Path, help="default: var/trace_trials.jsonl, …_calls… or …_unmarked…")
    arguments = parser.parse_args()
    kind = "calls" if arguments.calls else "unmarked" if arguments.unmarked else "trials"
    arguments.out = arguments.out or Path(f"var/trace_{kind}.jsonl")
    if not arguments.table:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            run(arguments, Path(folder))
    print(table(lines(arguments.out)))  # noqa: T201 - it speaks by printing


if __name__ == "__main__":
    main()
