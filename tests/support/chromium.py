"""A headless Chromium, driven over its DevTools protocol: https://chromedevtools.github.io/devtools-protocol/."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 60.0
"""Seconds for one answer. It is slow on a machine that has other work."""

FLAGS = (
    "--headless=new",
    "--remote-debugging-port=0",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--hide-scrollbars",
    "--lang=en-US",
)


def chromium_program() -> str:
    """The program; empty where there is none."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), "")


class Tab:
    """One page of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        """What the browser has told by itself, in order."""

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A command of the protocol; its result. Raises RuntimeError with what the browser says is wrong."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(PATIENCE):
            while True:
                told = await self._socket.receive_json()
                if told.get("id") != number:
                    self.events.append(told)
                elif "error" in told:
                    raise RuntimeError(f"{method}: {told['error']['message']}")
                else:
                    return dict(told["result"])

    async def run(self, script: str) -> Any:
        """The value of an expression of JavaScript, waited for where it is a promise."""
        result = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]["exception"].get("description")))
        return result["result"].get("value")

    async def until(self, script: str) -> None:
        """Wait until the expression is true."""
        async with asyncio.timeout(PATIENCE):
            while not await self.run(script):
                await asyncio.sleep(0.05)

    async def open(self, url: str) -> None:
        """Go there, and wait until everything is loaded."""
        await self.run("window.left = true")
        await self.call("Page.navigate", url=url)
        await self.until("!window.left && document.readyState === 'complete'")

    async def size(self, width: int, height: int = 800, *, scale: int = 1) -> None:
        """The window's size in CSS pixels; a phone's where it is narrow."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )

    async def colours(self, scheme: str) -> None:
        """light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def press(self, key: str, *, shift: bool = False) -> None:
        """A key, such as Tab or Enter."""
        codes = {"Tab": 9, "Enter": 13}
        given = {"key": key, "code": key, "windowsVirtualKeyCode": codes[key], "modifiers": 8 if shift else 0}
        text = {"text": "\r"} if key == "Enter" else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **given, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **given)

    async def screenshot(self, *, whole: bool = False) -> bytes:
        """A PNG of what is seen, or of the whole page."""
        told = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(told["data"])


@asynccontextmanager
async def browser_tab(directory: Path) -> AsyncIterator[Tab]:
    """A tab of a browser of its own, which takes any certificate. directory: an empty one, for its files."""
    # Its sandbox takes user namespaces, which root and containers often do not have; all it sees is our own page.
    flags = [*FLAGS, f"--user-data-dir={directory}", "--no-sandbox", "--ignore-certificate-errors", "about:blank"]
    environment = os.environ | {"HOME": str(directory), "TZ": "UTC", "LANG": "C.UTF-8"}
    process = await asyncio.create_subprocess_exec(
        chromium_program(),
        *flags,
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        port = await _port(directory / "DevToolsActivePort", process)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [one for one in await answer.json() if one["type"] == "page"]
            async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Tab(socket)
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await tab.call(f"{domain}.enable")
                yield tab
                await tab.call("Browser.close")
    finally:
        await _end(process)


async def _port(file: Path, process: asyncio.subprocess.Process) -> int:
    """Where DevTools listens: the first line of a file that the browser writes."""
    async with asyncio.timeout(PATIENCE):
        while process.returncode is None:
            if lines := _lines(file):
                return int(lines[0])
            await asyncio.sleep(0.05)
    raise RuntimeError(f"{chromium_program()} has ended with status {process.returncode} before it could be used")


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


async def _end(process: asyncio.subprocess.Process) -> None:
    try:
        await asyncio.wait_for(process.wait(), 10)
    except TimeoutError:
        process.kill()
        await process.wait()
