// Fetches the part of the page that changes every few seconds, while somebody sees the page and has not paused it.
"use strict";
(() => {
  const PERIOD = 5000;
  const PATIENCE = 10000;
  const at = document.getElementById("at");
  const said = document.getElementById("said");
  const pause = document.getElementById("pause");
  const live = document.getElementById("live");
  const address = new URL(location.href);
  address.searchParams.set("fragment", "1");
  address.hash = "";
  let seen = live.innerHTML;
  let summary = live.dataset.summary;
  let paused = false;
  let looking = false;
  let timer = 0;

  function plan() {
    clearTimeout(timer);
    if (!paused && document.visibilityState === "visible") timer = setTimeout(look, PERIOD);
  }

  function tell(text) {
    if (said.textContent !== text) said.textContent = text;
  }

  // What has the focus keeps it, and what is open stays open: both are found again by their ids.
  function replace(fresh) {
    const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
    const open = [...live.querySelectorAll("details[open]")].map((one) => one.id);
    live.replaceChildren(...fresh.childNodes);
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  function show(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("live");
    if (!fresh) throw new Error("no page");
    at.textContent = at.dateTime = fresh.dataset.at;
    tell(fresh.dataset.summary === summary ? "" : fresh.dataset.summary);
    const selected = getSelection();
    if (fresh.innerHTML === seen || (!selected.isCollapsed && live.contains(selected.anchorNode))) return;
    summary = fresh.dataset.summary;
    document.title = `${summary} · Capra`;
    seen = fresh.innerHTML;
    replace(fresh);
  }

  async function look() {
    if (looking) return;
    looking = true;
    try {
      const answer = await fetch(address, { cache: "no-store", redirect: "error", signal: AbortSignal.timeout(PATIENCE) });
      if ([401, 403, 404].includes(answer.status)) {
        location.reload();
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      show(await answer.text());
    } catch {
      tell("The controller does not answer. Trying again.");
    } finally {
      looking = false;
    }
    plan();
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    if (paused) plan();
    else look();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && !paused) look();
    else plan();
  });
  plan();
})();
