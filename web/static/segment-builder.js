/* Counts while one types, and rows that come and go without a new page. Without this script the buttons do the same. */
(() => {
  "use strict";
  const form = document.querySelector("form[data-segment-builder]");
  if (!form) return;
  document.documentElement.classList.add("counts-live");
  const said = document.createElement("p");
  said.className = "count-bar";
  said.setAttribute("role", "status");
  form.after(said);

  let counting = null;
  let waiting = 0;
  let polled = 0;

  const ask = async (url, options) => {
    const answer = await fetch(url, { headers: { "X-Requested-With": "fetch" }, credentials: "same-origin", ...options });
    if (answer.status === 204) return "";
    const type = answer.headers.get("Content-Type") || "";
    if (!answer.ok || !type.startsWith("text/html")) throw new Error(String(answer.status));
    return answer.text();
  };

  const swap = (selector, html) => {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const fresh = holder.content.querySelector(selector);
    const old = document.querySelector(selector);
    if (fresh && old) old.replaceWith(fresh);
    return fresh;
  };

  const tell = () => {
    const panel = document.querySelector("[data-count-panel]");
    const figures = panel ? [...panel.querySelectorAll(".tally div")].map((row) => `${row.querySelector("dt").textContent}: ${row.querySelector("dd").textContent.trim()}`) : [];
    said.textContent = figures.join(" · ");
  };

  const poll = () => {
    clearTimeout(polled);
    const url = document.querySelector("[data-count-panel]")?.dataset.poll;
    if (!url) return;
    let tries = 0;
    const again = async () => {
      if (document.querySelector("[data-count-panel]")?.dataset.poll !== url || tries++ > 60) return;
      try {
        const html = await ask(url);
        if (html) {
          swap("[data-count-panel]", html);
          tell();
          return;
        }
      } catch {
        return;
      }
      polled = setTimeout(again, tries < 10 ? 700 : 2500);
    };
    polled = setTimeout(again, 700);
  };

  const count = async () => {
    counting?.abort();
    counting = new AbortController();
    const panel = document.querySelector("[data-count-panel]");
    panel?.setAttribute("aria-busy", "true");
    try {
      const html = await ask(form.dataset.countUrl, { method: "POST", body: new FormData(form), signal: counting.signal });
      swap("[data-count-panel]", html);
      tell();
      poll();
    } catch (error) {
      if (error.name === "AbortError") return;
      panel?.removeAttribute("aria-busy");
      const status = panel?.querySelector("[data-count-status]");
      if (status) status.textContent = "The count did not come. Press Count to try again.";
    }
  };

  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(count, 350);
  };

  const change = async (todo, focus) => {
    const body = new FormData(form);
    body.set("do", todo);
    try {
      const html = await ask(form.dataset.builderUrl, { method: "POST", body });
      swap("[data-builder-body]", html);
    } catch {
      // The page that the button leads to does the same.
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = "do";
      field.value = todo;
      form.append(field);
      form.submit();
      return;
    }
    focus();
    soon();
  };

  const at = (node) => form.querySelector(`[data-node="${CSS.escape(node)}"]`);

  form.addEventListener("click", (event) => {
    const button = event.target.closest('button[name="do"]');
    if (!button) return;
    const [verb, node] = button.value.split(":");
    if (button.value === "count") {
      event.preventDefault();
      count();
    } else if (verb === "add" || verb === "group") {
      event.preventDefault();
      change(button.value, () => {
        const rows = at(node)?.querySelectorAll(":scope > .rule-parts > li");
        rows?.[rows.length - 1]?.querySelector("select, input:not([type=hidden])")?.focus();
      });
    } else if (verb === "remove") {
      event.preventDefault();
      const parent = node.slice(0, node.lastIndexOf("."));
      change(button.value, () => at(parent)?.querySelector(':scope > .rule-buttons > button[value^="add:"]')?.focus());
    }
  });

  form.addEventListener("change", (event) => {
    const name = event.target.name || "";
    if (name.endsWith(":rule")) {
      const node = name.slice(0, -":rule".length);
      change(`choose:${node}`, () => at(node)?.querySelector(".rule-about")?.focus());
    } else soon();
  });
  form.addEventListener("input", soon);
  poll();
})();
