// Reports: print where the browser can, and look again while a report is being made.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  for (const button of document.querySelectorAll("button.open-print")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
  // Not while somebody reads further down, and not in a window that nobody sees.
  if (document.querySelector("[data-waiting]")) {
    window.setInterval(() => {
      if (!document.hidden && window.scrollY < 200) window.location.reload();
    }, 8000);
  }
});
