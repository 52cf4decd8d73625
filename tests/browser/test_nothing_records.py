"""Not by the page: our pages hold nothing that could record, in their files, in what is alive while a call runs, or in a control.

Four looks, each with something planted that it must find:
- the files: no word of a recorder anywhere, and what a device's own camera needs stands only where its reason stands;
- every answer of the server forbids the page to capture the screen, and Chromium refuses for that reason;
- the browser's own list of living objects, during a real call: received streams are where they are played, and nowhere else;
- the names of all controls of all screens.
What a viewer can do who changes the page is another page: docs/reference/capture-matrix.md.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Page, Route, async_playwright
from playwright.sync_api import Browser as SyncBrowser
from playwright.sync_api import Page as SyncPage

from server.api import ROUTES
from tests.browser.grown_up_pages import made_up
from tests.browser.look_stage import ASK, Stage, files
from tests.browser.look_stage import chromium as stage_chromium
from tests.browser.people import CHROMIUM, FLAGS, chromium, open_curtain, ring, screen, wear
from tests.browser.test_grown_up_look import CROWDED, SIGNED_OUT, TRUSTED, open_page
from tests.browser.test_grown_up_look import PAGES as GROWN_UP
from tests.browser.test_look_pages import PAGES as CHILD
from tests.browser.test_look_source import code_only
from tests.house import Families, House, open_house
from tests.peers import Localhost

CLIENT = Path(__file__).parents[2] / "client_web"
SOURCES = {
    path.relative_to(CLIENT).as_posix(): path.read_text(encoding="utf-8")
    for path in sorted(CLIENT.rglob("*"))
    if path.suffix in (".js", ".html")
}

# -- the files ----------------------------------------------------------------------------------------------------------------

MARK = "marks the camera of this very device, before it is sent"
#: What could record, and the files that may name it, with their reason. No file: nobody may.
RECORDS: dict[str, dict[str, str]] = {
    r"MediaRecorder": {},
    r"getDisplayMedia|getViewportMedia|selectAudioOutput": {},
    r"ImageCapture|grabFrame|takePhoto": {},
    r"requestPictureInPicture|documentPictureInPicture": {},
    r"mozCaptureStream|mozCaptureStreamUntilEnded": {},
    r"\bcaptureStream\b": {
        "shared/mark/canvas.js": MARK,
        "shared/seal/dummy.js": "a black canvas, sent until the first frame is sealed",
    },
    r"\bdrawImage\b": {"shared/mark/canvas.js": MARK, "shared/mark/worker.js": MARK},
    r"\bgetImageData\b": {"shared/mark/canvas.js": MARK, "shared/mark/worker.js": MARK},
    r"MediaStreamTrackProcessor|MediaStreamTrackGenerator|VideoTrackGenerator": {"shared/mark/processor.js": MARK},
    r"new VideoFrame\b": {"shared/mark/worker.js": MARK},
    r"createImageBitmap|transferToImageBitmap|texImage2D|importExternalTexture|[\"']webgl|[\"']webgpu": {},
    r"toDataURL|toBlob|convertToBlob": {},
    r"createMediaStreamSource|createMediaStreamTrackSource|createMediaElementSource|MediaStream(Audio|TrackAudio)SourceNode": {},
    r"AudioWorklet|ScriptProcessor|VideoEncoder|AudioEncoder": {},
    r"showSaveFilePicker|createObjectURL|createWritable|navigator\.share\b|\.share\(": {},
    r"\sdownload\b(?==|\s|>)|\.download\b": {},
    r"\[\s*[\"'](?:Media|capture|get|draw)": {},  # the same names, hidden in a string
}


def found_in(sources: dict[str, str]) -> set[tuple[str, str]]:
    """(file, what it names) of everything that may not stand there."""
    return {
        (name, hit.group().strip())
        for name, text in sources.items()
        for pattern, allowed in RECORDS.items()
        if name not in allowed
        for hit in re.finditer(pattern, code_only(text) if name.endswith(".js") else text)
    }


def test_no_file_of_ours_names_a_recorder() -> None:
    assert len(SOURCES) > 60
    assert found_in(SOURCES) == set()


@pytest.mark.parametrize(
    "planted",
    [
        "new MediaRecorder(stream)", "navigator.mediaDevices.getDisplayMedia()", "video.captureStream()", "pen.drawImage(video, 0, 0)",
        "new ImageCapture(track)", "new MediaStreamTrackProcessor({track})", "video.requestPictureInPicture()", "canvas.toBlob(keep)",
        "gl.texImage2D(a, b, c, d, e, video)", "context.createMediaStreamSource(stream)", 'window["MediaRec" + "order"]',
        "html`<a download href=x>`", "html`<a download=clip.webm>`", "createImageBitmap(video)", "navigator.share({files})",
    ],
)  # fmt: skip
def test_a_recorder_planted_in_a_file_is_found(planted: str) -> None:
    name = "shared/call_screens/rf-picture.js"
    assert {where for where, _ in found_in({**SOURCES, name: SOURCES[name] + f"\n{planted};"})} == {name}


def test_a_reason_to_name_one_is_still_needed() -> None:
    for pattern, allowed in RECORDS.items():
        for name in allowed:
            assert re.search(pattern, SOURCES[name]), f"{name} need not name {pattern} any more"


def test_what_marks_a_picture_is_never_given_somebody_elses() -> None:
    marks = {name: code_only(text) for name, text in SOURCES.items() if name.startswith("shared/mark/")}
    assert marks
    for name, text in marks.items():
        assert not re.search(r"receiver|RTCPeerConnection|\.tracks\b|querySelector|getElement", text), name


def test_received_tracks_go_from_the_connection_to_the_telephone_to_the_picture_and_nowhere_else() -> None:
    code = {name: code_only(text) for name, text in SOURCES.items() if name.endswith(".js")}
    takes = {name for name, text in code.items() if re.search(r"receiver\.track(?!\.kind)|getReceivers", text)}
    assert takes == {"shared/peer.js"}
    assert {name for name, text in code.items() if re.search(r"telephone\??\.tracks|\btracks\.get\(", text)} <= {
        "shared/call_screens/rf-in-call.js",
        "shared/telephone.js",
    }
    plays = {name for name, text in code.items() if "srcObject" in text}
    assert plays == {
        "shared/call_screens/rf-picture.js",  # theirs
        "shared/call_screens/rf-self.js",  # one's own, from here on
        "shared/call_screens/rf-look-at-myself.js",
        "shared/mark/canvas.js",
    }


def test_no_picture_has_the_browsers_own_controls() -> None:
    tags = [(name, tag) for name, text in SOURCES.items() for tag in re.findall(r"<(?:video|audio)\b[^>]*>", text)]
    videos = [one for one in tags if one[1].startswith("<video")]
    assert len(videos) == 3
    for name, tag in tags:
        assert not re.search(r"\scontrols\b", tag), name
        assert tag.startswith("<audio") or "disablepictureinpicture" in tag, name


# -- the headers --------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path / "house", demo=True) as opened:
        yield opened


async def test_every_answer_forbids_to_capture_the_screen(house: House) -> None:
    paths = [f"/{name.replace('grown_up/', 'grown-up/')}" for name in SOURCES] + [
        "/",
        "/child/",
        "/grown-up/",
        "/demo/",
    ]
    paths += [re.sub(r"\{[^}]*\}", "x", route.path) for route in ROUTES] + [
        "/nothing",
        "/child/nothing",
        "/api/nothing",
    ]
    seen = set()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Localhost())) as http:
        for path in dict.fromkeys(paths):
            for host in ("localhost", "maya.localhost", "evil.localhost"):
                async with http.get(f"http://{host}:{house.settings.port}{path}", allow_redirects=False) as answer:
                    policy = answer.headers.get("Permissions-Policy", "").split(", ")
                    assert {"display-capture=()", "picture-in-picture=()"} <= set(policy), (host, path)
                    seen.add(answer.status)
    assert {200, 401, 404, 405, 421} <= seen


ASK_FOR_THE_SCREEN = """() => navigator.mediaDevices.getDisplayMedia({video: true, preferCurrentTab: true}).then(
    stream => { for (const track of stream.getTracks()) track.stop(); return "given"; }, fault => `${fault.name}: ${fault.message}`)"""


async def test_a_page_of_ours_may_not_ask_for_the_screen_because_of_the_header(house: House) -> None:
    async def without(route: Route) -> None:
        answer = await route.fetch()
        headers = {name: value for name, value in answer.headers.items() if name != "permissions-policy"}
        await route.fulfill(response=answer, headers=headers)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, "--auto-accept-this-tab-capture"]
        )
        for path in ("/child/", "/grown-up/"):
            page = await browser.new_page()
            await page.goto(f"{house.base}{path}")
            told = await page.evaluate(ASK_FOR_THE_SCREEN)
            assert told.startswith("NotAllowedError"), told
            assert '"display-capture" is disallowed by permissions policy' in told
            await page.route(f"**{path}", without)
            await page.reload()
            assert await page.evaluate(ASK_FOR_THE_SCREEN) == "given"
            await page.close()
        await browser.close()


# -- what is alive during a call ----------------------------------------------------------------------------------------------

#: Of a list of living streams: how many hold somebody else's track and are not what an element of a call's picture plays. A copy of a
#: track has its label.
STRAY_STREAMS = """function(streams) {
  const theirs = new Set(window.connections.flatMap(pc => pc.getReceivers()).map(one => one.track.label));
  const played = new Set([...document.querySelectorAll('rf-picture video, rf-picture audio')].map(one => one.srcObject));
  const holding = streams.filter(one => one.getTracks().some(track => theirs.has(track.label)));
  return [holding.length, holding.filter(one => !played.has(one)).length];
}"""
STRAY_TRACKS = """function(tracks) {
  const receivers = window.connections.flatMap(pc => pc.getReceivers()).map(one => one.track);
  const labels = new Set(receivers.map(one => one.label));
  const theirs = tracks.filter(one => labels.has(one.label));
  return [theirs.length, theirs.filter(one => !receivers.includes(one)).length];
}"""
HOW_MANY = "function(all) { return all.length; }"
#: What makes something out of a stream. Their own camera's mark is made with a processor, which is fed no received track: see above.
MAKES = (
    "MediaRecorder", "ImageCapture", "MediaStreamAudioSourceNode", "MediaElementAudioSourceNode", "OffscreenCanvas", "ImageBitmap",
    "AudioWorkletNode", "WebGLRenderingContext", "WebGL2RenderingContext", "VideoEncoder", "AudioEncoder",
)  # fmt: skip


async def alive(page: Page, kind: str, look: str) -> Any:
    """Ask something of every living object of this kind, wherever it is held; what nobody holds is gone first."""
    session = await page.context.new_cdp_session(page)
    prototype = await session.send("Runtime.evaluate", {"expression": f"{kind}.prototype"})
    objects = await session.send("Runtime.queryObjects", {"prototypeObjectId": prototype["result"]["objectId"]})
    told = await session.send(
        "Runtime.callFunctionOn",
        {
            # a list of all that have this prototype has the prototypes of its kinds too; those have a constructor of their own
            "functionDeclaration": f"function() {{ return ({look})([...this].filter(o => !Object.hasOwn(o, 'constructor'))); }}",
            "objectId": objects["objects"]["objectId"],
            "returnByValue": True,
        },
    )
    await session.detach()
    assert "exceptionDetails" not in told, told
    return told["result"]["value"]


async def nothing_astray(page: Page, seconds: float = 30) -> None:
    """Until the only received streams and tracks that a script holds are those that are played. The event that brought a track has one
    too, for as long as the browser needs to clear it away."""
    playing = "[...document.querySelectorAll('rf-picture video, rf-picture audio')].filter(one => one.srcObject?.active).length"
    async with asyncio.timeout(seconds):
        while True:
            assert await page.evaluate(playing) == 2, "a picture and a sound are played"
            streams, tracks = (
                await alive(page, "MediaStream", STRAY_STREAMS),
                await alive(page, "MediaStreamTrack", STRAY_TRACKS),
            )
            if streams == [2, 0] and tracks[0] >= 2 and tracks[1] == 0:
                return
            await asyncio.sleep(0.3)


RECORD = """() => {
  const video = document.querySelector('rf-picture video');
  const copy = new MediaStream([video.srcObject.getVideoTracks()[0].clone()]);
  window.recorder = new MediaRecorder(copy);
  window.recorder.start();
}"""


@pytest.mark.slow  # make witness
async def test_during_a_call_received_streams_are_where_they_are_played_and_nowhere_else(house: House) -> None:
    async with chromium() as browser:
        page = await screen(browser)
        two = await Families(house).two()
        await two.theo.connect()
        await wear(page, two.maya, house)
        await page.get_by_text("Here now").first.wait_for()
        await ring(page, "Theo")
        incoming = await two.theo.expect("call.incoming")
        await two.theo.ask(t="call.accept", call=incoming["call"], nonce=incoming["nonce"])
        await two.theo.wait_frames("audio", 10)
        await two.theo.ask(t="call.media", call=incoming["call"], audio=True, video=True)
        await open_curtain(page)
        await two.theo.wait_frames("video", 5)
        async with asyncio.timeout(45):
            while not await page.evaluate("document.querySelector('rf-picture video')?.videoWidth > 0"):
                await asyncio.sleep(0.1)

        await nothing_astray(page)
        for kind in MAKES:
            assert await alive(page, kind, HOW_MANY) == 0, kind

        where = await page.locator("rf-picture").first.bounding_box()
        assert where
        middle = f"document.elementFromPoint({where['x'] + where['width'] / 2}, {where['y'] + where['height'] / 2})"
        assert await page.evaluate(f"{middle}.closest('video') === null"), "a press never meets the picture itself"
        menu = "new MouseEvent('contextmenu', {bubbles: true, cancelable: true})"
        assert await page.evaluate(f"!document.querySelector('rf-picture').dispatchEvent({menu})"), "no menu over it"
        assert await page.evaluate(f"document.querySelector('h1').dispatchEvent({menu})"), "elsewhere there is one"

        await page.evaluate(RECORD)  # and the same look finds a page that records
        assert (await alive(page, "MediaStream", STRAY_STREAMS))[1] == 1
        assert (await alive(page, "MediaStreamTrack", STRAY_TRACKS))[1] == 1
        assert await alive(page, "MediaRecorder", HOW_MANY) == 1


# -- the controls -------------------------------------------------------------------------------------------------------------

CONTROL = re.compile(
    r'(?:button|link|menuitem|switch|checkbox|radio|tab|slider|textbox|combobox|option)\s+"((?:[^"\\]|\\.)*)"'
)
RECORDING = re.compile(
    r"\b(?:re-?cord\w*|clips?|screen ?shots?|screen ?shar\w*|shar(?:e|ing)|download\w*|captur\w*|snapshot\w*|film\w*"
    r"|save (?:the |this )?(?:picture|photo|video|call|sound))\b",
    re.I,
)
#: Controls that speak of recording and do not record: with these a child tells us that somebody did.
TELLS_OF_IT = re.compile(r"Someone recorded me|They filmed the screen")


def names(page: SyncPage) -> set[str]:
    """What the controls of this screen are called, as a screen reader says it."""
    return set(CONTROL.findall(page.locator("body").aria_snapshot()))


@pytest.fixture(scope="module")
def browser() -> Iterator[SyncBrowser]:
    with stage_chromium() as found:
        yield found


def of_a_child(browser: SyncBrowser, group: str) -> set[str]:
    """Every page of the child's app, and every moment of a call."""
    with files() as origin:
        stage = Stage(browser, origin, group=group)
        stage.home = {**stage.home, "asks": [ASK]}
        page = stage.open(ready=".chip")
        found = set()
        for address in CHILD:
            found |= names(stage.go(address))
        page.click("[data-do=help]")
        page.wait_for_selector("rf-help")
        found |= names(page)
        page.click("rf-help [data-do=back]")
        stage.ring()
        page.wait_for_selector("rf-ringing")
        found |= names(page)
        page.click("[data-do=answer]")
        stage.state("active", "k_gran0000", heard=True, video=True)
        page.wait_for_selector("rf-in-call")
        page.click(".dock [data-do=camera]")
        stage.state("active", "k_gran0000", heard=True, seen=True, video=True)
        page.wait_for_selector("rf-in-call .dock")
        found |= names(page)
        page.click(".dock [data-do=help]")
        page.wait_for_selector("rf-help")
        found |= names(page)
        page.click("rf-help [data-do=back]")
        stage.say(t="call.ended", call="c_00000001", code="left")
        page.wait_for_selector("rf-ended")
        found |= names(page)
        stage.close()
    return found


def of_a_grown_up(browser: SyncBrowser) -> set[str]:
    found = set()
    for answers, pages in (
        (CROWDED, [f"/grown-up/#{where}" for where in GROWN_UP]),
        (TRUSTED, ["/grown-up/"]),
        (SIGNED_OUT, ["/", "/grown-up/", "/grown-up/#sign-up"]),
    ):
        with made_up() as there:
            there.answers.update(answers)
            context = browser.new_context(locale="en-GB")
            page = context.new_page()
            for where in pages:
                open_page(page, there, where)
                found |= names(page)
            context.close()
    return found


def records(found: set[str]) -> set[str]:
    return {name for name in found if RECORDING.search(name) and not TELLS_OF_IT.search(name)}


@pytest.mark.parametrize("group", ["9-12", pytest.param("13-15", marks=pytest.mark.slow)])  # the other: make witness
def test_no_control_of_any_screen_of_a_child_records_clips_shoots_or_shares(browser: SyncBrowser, group: str) -> None:
    found = of_a_child(browser, group)
    assert len(found) > 40
    assert any("Help" in name for name in found)
    assert any("Leave" in name for name in found)
    assert records(found) == set()


def test_no_control_of_any_screen_of_a_grown_up_records_clips_shoots_or_shares(browser: SyncBrowser) -> None:
    found = of_a_grown_up(browser)
    assert len(found) > 40
    assert records(found) == set()


def test_a_control_that_records_is_found_whatever_it_is(browser: SyncBrowser) -> None:
    page = browser.new_page()
    page.set_content(
        "<button>Record</button><button aria-label='Take a screenshot'>x</button><a href='#'>Share this call</a>"
        "<div role=menuitem>Save the video</div><button>Leave</button><label><input type=checkbox>Keep a clip</label>"
    )
    assert records(names(page)) == {
        "Record", "Take a screenshot", "Share this call", "Save the video", "Keep a clip",
    }  # fmt: skip
    page.close()
