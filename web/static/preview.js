// Shows another scene as soon as the form changes, without loading the page anew. Without it one presses "Show".
"use strict";

(() => {
  const form = document.getElementById("scene");
  const shown = document.getElementById("shown");
  const allowed = () => new Set(shown.firstElementChild.dataset.origins.split(" "));
  // The page lets in pictures of the mail that it came with; other origins take a page of their own.
  const first = allowed();
  let asked = 0;

  function address() {
    const said = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (value && !(name === "looks" && value === "light")) said.append(name, value);
    }
    if (said.get("other")) {
      said.set("customer", said.get("other"));
      said.delete("other");
    }
    return `${location.pathname}?${said}`;
  }

  async function show(url, keep) {
    const mine = ++asked;
    shown.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(url, { headers: { "X-Preview-Part": "1" }, credentials: "same-origin", redirect: "error" });
      const html = await answer.text();
      if (mine !== asked) return;
      const part = new DOMParser().parseFromString(html, "text/html").getElementById("shown-part");
      if (!part || part.dataset.origins.split(" ").some((origin) => !first.has(origin))) throw new Error("another page");
      shown.replaceChildren(part);
      if (keep) history.replaceState(null, "", url);
    } catch {
      if (mine === asked) location.assign(url);
      return;
    }
    shown.setAttribute("aria-busy", "false");
  }

  let soon = 0;
  form.addEventListener("change", () => {
    clearTimeout(soon);
    soon = setTimeout(() => show(address(), true), 150);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(soon);
    show(address(), true);
  });
})();
