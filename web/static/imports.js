/* Renews how far a worker is with a file, and reads the page anew when it is done. */
(() => {
  "use strict";
  const renew = async () => {
    const panel = document.querySelector("[data-standing]");
    if (!panel) return;
    try {
      const answer = await fetch(panel.dataset.standing, { credentials: "same-origin" });
      if (answer.status === 205) {
        location.reload();
        return;
      }
      if (answer.ok) {
        const holder = document.createElement("template");
        holder.innerHTML = await answer.text();
        const status = holder.content.querySelector("[role=status]");
        const shown = panel.querySelector("[role=status]");
        // The words alone: a new element would be read out as a whole each second.
        if (status && shown && status.textContent !== shown.textContent) shown.textContent = status.textContent;
      }
    } catch {
      // The next try may find the server again.
    }
    setTimeout(renew, 1000);
  };
  setTimeout(renew, 700);
})();
