// Moves the bar and the numbers of a running campaign once a second; reloads when its status changes,
// because other buttons belong to another status. Without JavaScript the page refreshes itself.
"use strict";

(() => {
  const panel = document.getElementById("progress");
  const parts = ["sent", "failed", "uncertain", "held_back"];
  const spoken = new Intl.NumberFormat("en");

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
    for (const field of panel.querySelectorAll("[data-n]")) {
      field.textContent = spoken.format(now[field.dataset.n]);
    }
  }

  async function look() {
    if (!document.hidden) {
      try {
        const answer = await fetch(panel.dataset.url, { credentials: "same-origin", redirect: "error" });
        if (answer.ok) {
          const now = await answer.json();
          // The bar is only there once the audience is known.
          if (now.status !== panel.dataset.status || (now.audience && !panel.querySelector("svg"))) {
            location.reload();
            return;
          }
          draw(now);
        }
      } catch {
        // The server may be restarting: the next second shows.
      }
    }
    setTimeout(look, 1000);
  }

  setTimeout(look, 1000);
})();
