// Shows what the preflight found, and what became of test mails, as soon as a worker is done. What is typed stays.
// Without JavaScript the page loads itself anew while something is on its way.
"use strict";

(() => {
  let before = null;

  async function look() {
    const live = document.getElementById("live");
    if (!document.hidden) {
      try {
        const answer = await fetch(live.dataset.url, { credentials: "same-origin", redirect: "error" });
        if (answer.ok) {
          const now = await answer.json();
          const seen = JSON.stringify([now.seen, now.waits]);
          if (before !== null && seen !== before) await renew();
          before = seen;
          if (!now.waits) return;
        }
      } catch {
        // The server may be restarting: the next second shows.
      }
    }
    setTimeout(look, 1000);
  }

  async function renew() {
    const answer = await fetch(location.pathname, { credentials: "same-origin", redirect: "error" });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ["live", "go"]) {
      const fresh = page.getElementById(id);
      if (fresh) document.getElementById(id).replaceWith(fresh);
    }
  }

  if (document.getElementById("live").dataset.waits === "yes") look();
})();
