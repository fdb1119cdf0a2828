// Moves the bar and the numbers of a running campaign once a second, while somebody looks; reloads when its status
// changes, because other buttons belong to another status. Without JavaScript the page refreshes itself.
"use strict";

(() => {
  const panel = document.getElementById("progress");
  const spoken = document.getElementById("spoken");
  const parts = ["sent", "failed", "uncertain", "held_back"];
  const number = new Intl.NumberFormat("en");
  const SPEAK_EVERY = 20000; // Nobody wants to hear each second.
  let tag = "";
  let spokenAt = Date.now();
  let timer = 0;

  function duration(seconds) {
    if (seconds === null || seconds === undefined) return "–";
    const sizes = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
    const told = [];
    let rest = Math.round(seconds);
    for (const [unit, size] of sizes) {
      if (rest >= size) {
        told.push(`${Math.floor(rest / size)} ${unit}`);
        rest %= size;
      }
    }
    return told.slice(0, 2).join(" ") || "under a second";
  }

  function pace(perSecond) {
    if (perSecond === null) return "–";
    return `${perSecond >= 10 ? number.format(Math.round(perSecond)) : Number(perSecond.toFixed(1))} a second`;
  }

  function draw(now) {
    const whole = Math.max(now.audience, 1);
    let x = 0;
    for (const part of parts) {
      const width = (100 * now[part]) / whole;
      const rect = panel.querySelector(`rect[data-part="${part}"]`);
      rect?.setAttribute("x", x.toFixed(3));
      rect?.setAttribute("width", width.toFixed(3));
      x += width;
    }
    for (const field of panel.querySelectorAll("[data-n]")) field.textContent = number.format(now[field.dataset.n]);
    for (const field of panel.querySelectorAll("[data-pace]")) field.textContent = pace(now[field.dataset.pace]);
    for (const field of panel.querySelectorAll("[data-duration]")) field.textContent = duration(now[field.dataset.duration]);
    const done = (100 * (now.audience - now.open)) / whole;
    const share = panel.querySelector("[data-share]");
    if (share) share.textContent = `${done.toFixed(done > 0 && done < 10 ? 1 : 0)} %`;
    const waits = document.getElementById("waits");
    if (waits) waits.hidden = !now.waits_until;
    if (spoken && Date.now() - spokenAt > SPEAK_EVERY) {
      spokenAt = Date.now();
      spoken.textContent = `${number.format(now.sent)} of ${number.format(now.audience)} sent, ${number.format(now.failed)} failed.`;
    }
  }

  async function look() {
    timer = 0;
    try {
      const headers = tag ? { "If-None-Match": tag } : {};
      const answer = await fetch(panel.dataset.url, { credentials: "same-origin", redirect: "error", headers });
      if (answer.ok) {
        tag = answer.headers.get("ETag") || "";
        const now = await answer.json();
        // The bar is only there once the audience is known; a note that comes needs its words.
        const waits = document.getElementById("waits");
        const fresh = now.audience && !panel.querySelector("svg");
        if (now.status !== panel.dataset.status || fresh || (waits && waits.hidden && now.waits_until)) {
          location.reload();
          return;
        }
        draw(now);
        if (!now.active) return;
      }
    } catch {
      // The server may be restarting: the next second shows.
    }
    again(1000);
  }

  function again(wait) {
    if (!timer && !document.hidden) timer = setTimeout(look, wait);
  }

  document.addEventListener("visibilitychange", () => again(0));
  again(1000);
})();
