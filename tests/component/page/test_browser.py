"""The page in a real browser: what people see, at a phone's width and at a screen's, with and without a mouse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from capra.kube.client.resources import MACHINES
from tests.missing import missing
from tests.support import fleet
from tests.support.chromium import Tab, browser_tab, chromium_program
from tests.support.page import ServedPage, serving_page

WIDTHS = (360, 1280)
PATHS = ("/page/", "/page/team-a/", "/page/team-a/machines/workers-3", "/page/team-a/hosts/rack-1-6")
LONG = "nowheretobreakit" * 12

WIDER = """
[...document.querySelectorAll('body *')].filter((one) => {
  const box = one.getBoundingClientRect();
  return box.right > innerWidth + 0.5 && !one.closest('thead, .unseen');
}).map((one) => one.outerHTML.slice(0, 80))
"""

# Web Content Accessibility Guidelines 2.2, 'contrast ratio' and 'relative luminance'.
CONTRASTS = """
(() => {
  const part = (value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const [red, green, blue] = numbers(colour).map((value) => part(value / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (numbers(colour)[3] !== 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const one = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !one.checkVisibility()) continue;
    const pair = [light(getComputedStyle(one).color), light(behind(one))].sort((a, b) => b - a);
    found.push([(pair[0] + 0.05) / (pair[1] + 0.05), texts.currentNode.data.trim().slice(0, 40)]);
  }
  return found;
})()
"""


@asynccontextmanager
async def looking(directory: Path) -> AsyncIterator[tuple[Tab, ServedPage]]:
    """A browser that has not logged in, and the page."""
    if not chromium_program():
        missing("no chromium is installed; `make test-assets` installs it as root")
    (directory / "browser").mkdir()
    async with serving_page(directory / "output") as served, browser_tab(directory / "browser") as tab:
        yield tab, served


async def log_in(tab: Tab, url: str, token: str = "admin") -> None:
    """With the keyboard alone."""
    await tab.open(url)
    await tab.run("document.getElementById('token').focus()")
    await tab.call("Input.insertText", text=token)
    await tab.run("window.left = true")
    await tab.press("Enter")
    await tab.until("!window.left && document.readyState === 'complete'")


async def test_it_fits_a_phone_and_a_screen(tmp_path: Path) -> None:
    async with looking(tmp_path) as (tab, served):
        raw = {**fleet.machine(3)}
        raw["status"] = {"phase": "Failed", "conditions": [{"type": "Ready", "status": "False", "message": LONG}]}
        raw["metadata"] = raw["metadata"] | {"resourceVersion": "2", "name": LONG}
        raw["metadata"]["uid"] = "long"
        served.cache.put(MACHINES, raw)
        await tab.size(360)
        await tab.open(f"{served.url}/page/")
        assert await tab.run(WIDER) == []
        await log_in(tab, f"{served.url}/page/")
        for path in (*PATHS, f"/page/team-a/machines/{LONG}"):
            for width in WIDTHS:
                await tab.size(width)
                await tab.open(f"{served.url}{path}")
                assert await tab.run("document.querySelector('h1').textContent") not in ("Log in", "Not here")
                assert await tab.run("document.documentElement.scrollWidth") <= width, (path, width)
                assert await tab.run(WIDER) == [], (path, width)


async def test_text_can_be_read_by_day_and_by_night(tmp_path: Path) -> None:
    async with looking(tmp_path) as (tab, served):
        await tab.size(1280)
        await log_in(tab, f"{served.url}/page/")
        for scheme in ("light", "dark"):
            await tab.colours(scheme)
            for path in PATHS:
                await tab.open(f"{served.url}{path}")
                found = await tab.run(CONTRASTS)
                assert len(found) > 15
                assert [one for one in found if one[0] < 4.5] == [], (scheme, path)


async def test_what_changes_is_seen_without_a_hand(tmp_path: Path) -> None:
    async with looking(tmp_path) as (tab, served):
        await log_in(tab, f"{served.url}/page/")
        title = "1 of 10 machines failed, 2 of 8 hosts failed · Capra"
        assert await tab.run("document.title") == title
        await tab.run("document.getElementById('machine.team-a.workers-7').focus()")
        raw = {**fleet.machine(7), "status": {**fleet.machine(3)["status"]}}
        raw["metadata"] = raw["metadata"] | {"resourceVersion": "2"}
        served.cache.put(MACHINES, raw)
        await tab.until("document.title.startsWith('2 of 10 machines failed')")
        assert await tab.run("document.activeElement.id") == "machine.team-a.workers-7"
        assert "2 of 10 machines" in await tab.run("document.getElementById('said').textContent")
        asked = [one["params"]["request"]["url"] for one in tab.events if one["method"] == "Network.requestWillBeSent"]
        assert f"{served.url}/page/?fragment=1" in asked
        assert {url.partition("/page")[0].partition("/assets")[0] for url in asked if url.startswith("http")} == {
            served.url
        }


async def test_nothing_is_fetched_while_it_is_paused(tmp_path: Path) -> None:
    async with looking(tmp_path) as (tab, served):
        await log_in(tab, f"{served.url}/page/")
        await tab.run("document.getElementById('pause').click()")
        assert await tab.run("document.getElementById('pause').ariaPressed") == "true"
        tab.events.clear()
        await asyncio.sleep(6)
        await tab.run("0")
        assert [one for one in tab.events if one["method"] == "Network.requestWillBeSent"] == []
        await tab.run("document.getElementById('pause').click()")
        await tab.until("document.getElementById('pause').ariaPressed === 'false'")
        await asyncio.sleep(0.5)
        await tab.run("0")
        assert [one for one in tab.events if one["method"] == "Network.requestWillBeSent"]


async def test_nothing_is_fetched_while_nobody_sees_it(tmp_path: Path) -> None:
    async with looking(tmp_path) as (tab, served):
        await log_in(tab, f"{served.url}/page/")
        for state in ("hidden", "visible"):
            await tab.run(
                f"Object.defineProperty(document, 'visibilityState', {{value: '{state}', configurable: true}})"
            )
            tab.events.clear()
            await tab.run("void document.dispatchEvent(new Event('visibilitychange'))")
            await asyncio.sleep(6 if state == "hidden" else 1)
            await tab.run("0")
            asked = [one for one in tab.events if one["method"] == "Network.requestWillBeSent"]
            assert bool(asked) == (state == "visible")


async def test_the_keyboard_goes_from_the_top_to_the_failures(tmp_path: Path) -> None:
    async with looking(tmp_path) as (tab, served):
        await log_in(tab, f"{served.url}/page/")
        await tab.open(f"{served.url}/page/team-a/")
        order = []
        for _ in range(8):
            await tab.press("Tab")
            order.append(await tab.run("document.activeElement.id || document.activeElement.textContent.trim()"))
            assert await tab.run("getComputedStyle(document.activeElement).outlineStyle") != "none", order
        assert order == [
            "Skip to the content",
            "Capra",
            "team-a",
            "pause",
            "Log out",
            "machine.team-a.workers-3",
            "machine.team-a.workers-7",
            "machine.team-a.workers-0",
        ]


async def test_it_says_what_is_what(tmp_path: Path) -> None:
    """The accessibility tree, as Chromium gives it to a screen reader; on a phone tables are still tables."""
    async with looking(tmp_path) as (tab, served):
        await tab.size(360)
        await log_in(tab, f"{served.url}/page/")
        nodes = (await tab.call("Accessibility.getFullAXTree"))["nodes"]
        roles = [one["role"]["value"] for one in nodes if not one["ignored"]]
        assert {"banner", "main", "navigation", "status", "heading", "table", "rowheader"} <= set(roles)
        assert roles.count("table") == 3
        assert roles.count("columnheader") == 12
        named = {one["name"]["value"] for one in nodes if one.get("name") and one["role"]["value"] == "table"}
        assert all("Failures come first" in name or "with a host that has failed" in name for name in named), named
        assert await tab.run("document.documentElement.lang") == "en"
        # The failure is told in words, too.
        assert await tab.run("document.querySelector('tr.failed .badge').textContent") == "Failed"
        told = await tab.run("document.querySelector('#hosts ~ table tr.failed .badge').textContent")
        assert told == "Failed: Quarantined"


async def test_the_browser_has_nothing_to_complain_of(tmp_path: Path) -> None:
    """No script, style or other resource is refused by the policy, and none fails."""
    async with looking(tmp_path) as (tab, served):
        await log_in(tab, f"{served.url}/page/")
        for path in PATHS:
            await tab.open(f"{served.url}{path}")
        assert not await tab.run("document.cookie")
        told = [one["params"] for one in tab.events if one["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")]
        # The first answer is 401 with the form, and the browser says so.
        assert [one for one in told if "status of 401" not in str(one)] == []


async def test_without_a_session_any_more_it_asks_again(tmp_path: Path) -> None:
    async with looking(tmp_path) as (tab, served):
        await log_in(tab, f"{served.url}/page/team-a/", "alice")
        assert await tab.run("document.querySelector('h1').textContent") == "Namespace team-a"
        served.revoked, served.now = {"alice"}, 60.0
        await tab.until("document.querySelector('h1')?.textContent === 'Log in'")
