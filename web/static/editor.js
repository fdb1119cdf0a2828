// The editor of campaigns: saves a step while one types, shows what it would do, and lets rules be dragged.
// Without this script the buttons do the same.
(() => {
  "use strict";
  const form = document.getElementById("step-form");
  if (!form) return;
  document.documentElement.classList.add("js");
  const told = document.getElementById("saved");
  const faults = document.getElementById("faults");
  const QUIET_MS = 800;
  const AGAIN_MS = 5000;
  let dirty = false;
  let overtaken = false;
  let waiting = 0;
  let saving = null;
  let polled = 0;
  const touched = new Set();

  // On a phone the path of steps is wider than the screen.
  const path = document.querySelector(".path");
  const here = document.querySelector(".path-here");
  if (path && here) path.scrollLeft = here.offsetLeft - (path.clientWidth - here.offsetWidth) / 2;
  if (faults && !faults.hidden) faults.focus();

  const byId = (name) => document.getElementById(name);
  const clock = (iso) => new Date(iso).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

  const say = (words, bad = false) => {
    told.textContent = words;
    told.classList.toggle("saved-bad", bad);
  };

  // Only what somebody has been at, or what is shown already: nobody likes to be corrected before they have begun.
  const showProblems = (problems) => {
    const byField = new Map();
    for (const { field, message } of problems) {
      byField.set(field, byField.has(field) ? `${byField.get(field)} ${message}` : message);
    }
    for (const line of form.querySelectorAll("[data-problem]")) {
      const name = line.dataset.problem;
      const message = byField.get(name) || "";
      if (message && line.hidden && !touched.has(name)) continue;
      line.textContent = message;
      line.hidden = !message;
      const field = byId(name);
      if (!field) continue;
      field.toggleAttribute("aria-invalid", Boolean(message));
      if (message) {
        field.setAttribute("aria-invalid", "true");
        const ids = new Set((field.getAttribute("aria-describedby") || "").split(" ").filter(Boolean));
        field.setAttribute("aria-describedby", [...ids.add(line.id)].join(" "));
      }
    }
    if (!faults || faults.hidden) return;
    faults.hidden = byField.size === 0;
    const list = faults.querySelector("ul");
    list.replaceChildren(
      ...[...byField].map(([name, message]) => {
        const item = document.createElement("li");
        if (name) {
          const link = document.createElement("a");
          link.href = `#${name}`;
          link.textContent = message;
          item.append(link);
        } else item.textContent = message;
        return item;
      }),
    );
  };

  const typed = () => {
    const body = new FormData(form);
    // Files go with a button, once.
    for (const [name, value] of [...body]) if (value instanceof File) body.delete(name);
    body.delete("do");
    return body;
  };

  const send = async (body, arrived = () => {}) => {
    const answer = await fetch(location.href, {
      method: "POST",
      body,
      headers: { "X-Saving": "as-typed" },
      credentials: "same-origin",
      redirect: "error",
    });
    if (answer.status === 409) {
      const { by, at, error } = await answer.json();
      overtaken = true;
      say(`${by || "Somebody"} changed this step${at ? ` at ${clock(at)}` : ""}. Press Save to see both versions; yours is still here. ${by ? "" : error || ""}`, true);
      return;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    const now = await answer.json();
    form.elements.version.value = now.version;
    arrived();
    showPictures(now.pictures);
    showProblems(now.problems);
    say(`Saved ${clock(now.at)}${now.problems.length ? ", not complete yet" : ""}`);
    lookAhead();
  };

  const save = async () => {
    clearTimeout(waiting);
    if (!dirty || overtaken || saving) return saving;
    dirty = false;
    say("Saving…");
    saving = send(typed()).catch(() => {
      dirty = true;
      say("Not saved yet: the server does not answer. Trying again…", true);
      waiting = setTimeout(save, AGAIN_MS);
    });
    await saving;
    saving = null;
    if (dirty && !overtaken) waiting = setTimeout(save, QUIET_MS);
  };

  const changed = (event) => {
    const field = event.target;
    if (!field.name || field.type === "file" || field.dataset.unsaved !== undefined) return;
    touched.add(field.name);
    touched.add(field.id);
    dirty = true;
    clearTimeout(waiting);
    waiting = setTimeout(save, QUIET_MS);
  };

  // A picture goes up as soon as it is chosen, while the page stays: whatever is typed meanwhile is still there.
  const upload = async (field) => {
    while (saving) await saving;
    if (!field.files.length || overtaken) return;
    clearTimeout(waiting);
    dirty = false;
    const body = typed();
    body.append(field.name, field.files[0]);
    say("Uploading the picture…");
    saving = send(body, () => {
      field.value = "";
      touched.add(field.id);
    }).catch(() => {
      dirty = true;
      say("The picture did not arrive. It may be too large, or the server does not answer; choose it again.", true);
    });
    await saving;
    saving = null;
    if (dirty && !overtaken) waiting = setTimeout(save, QUIET_MS);
  };

  const showPictures = (pictures) => {
    for (const [place, shown] of Object.entries(pictures || {})) {
      const box = byId(`${place}.picture`)?.closest(".variant-picture");
      if (!box || !shown) continue;
      box.querySelector("input[type=hidden]").value = shown.picture;
      const image = new Image(shown.width, shown.height);
      image.src = shown.url;
      image.alt = box.dataset.label;
      const size = document.createElement("small");
      size.className = "quiet";
      size.dataset.size = "";
      size.textContent = `${shown.width} × ${shown.height} pixels`;
      for (const old of box.querySelectorAll("img, .no-picture, [data-size]")) old.remove();
      box.prepend(image, size);
    }
  };

  const lookAhead = async () => {
    clearTimeout(polled);
    const panel = byId("outlook");
    if (!panel?.dataset.url) return;
    try {
      const answer = await fetch(panel.dataset.url, { credentials: "same-origin", redirect: "error" });
      if (!answer.ok) return;
      const holder = document.createElement("template");
      holder.innerHTML = await answer.text();
      const fresh = holder.content.getElementById("outlook");
      if (!fresh) return;
      byId("outlook").replaceWith(fresh);
      if (fresh.dataset.waiting) polled = setTimeout(lookAhead, 2500);
    } catch {
      // The next save looks again.
    }
  };

  if (form.dataset.saves === "yes") {
    form.addEventListener("input", changed);
    form.addEventListener("change", changed);
    form.addEventListener("change", (event) => {
      if (event.target.type === "file" && event.target.files.length) upload(event.target);
    });
    let sent = false;
    form.addEventListener("submit", (event) => {
      if (event.defaultPrevented) return;
      if (saving && !sent) {
        // The save that is on its way would make this one look late.
        event.preventDefault();
        const button = event.submitter;
        saving.then(() => form.requestSubmit(button));
        return;
      }
      clearTimeout(waiting);
      sent = true;
      dirty = false;
    });
    addEventListener("pagehide", () => {
      if (dirty && !overtaken) navigator.sendBeacon(location.href, typed());
    });
  }
  if (byId("outlook")?.dataset.waiting) polled = setTimeout(lookAhead, 1500);

  // Parts of a form that only one choice needs.
  const choose = () => {
    for (const part of form.querySelectorAll("[data-if]")) {
      const [name, wanted] = part.dataset.if.split("=");
      const value = form.querySelector(`[name="${CSS.escape(name)}"]:checked, select[name="${CSS.escape(name)}"]`)?.value;
      part.hidden = !wanted.split("|").includes(value);
    }
  };
  form.addEventListener("change", choose);
  choose();

  // Where somebody was before a button of the form made the page anew.
  if (location.hash.startsWith("#slots")) byId(decodeURIComponent(location.hash.slice(1)))?.focus({ preventScroll: true });

  // Dragging, by the handle; the buttons beside it do the same for everybody else.
  let dragged = null;
  form.addEventListener("dragstart", (event) => {
    dragged = event.target.closest?.("[data-handle]")?.closest("[data-item]");
    if (!dragged) return;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", dragged.dataset.item);
    event.dataTransfer.setDragImage(dragged, 20, 20);
    const item = dragged;
    // Rules are taller than a screen: while one is dragged only their names are shown. A browser that is only just
    // beginning to drag gives up when the page changes under it.
    setTimeout(() => {
      item.classList.add("dragged");
      item.parentElement.classList.add("sorting");
      item.parentElement.scrollIntoView({ block: "center" });
    }, 0);
  });
  form.addEventListener("dragover", (event) => {
    const over = event.target.closest("[data-item]");
    if (!dragged || !over || over.parentElement !== dragged.parentElement) return;
    event.preventDefault();
    if (over === dragged) return;
    const after = event.clientY > over.getBoundingClientRect().top + over.offsetHeight / 2;
    over[after ? "after" : "before"](dragged);
  });
  form.addEventListener("drop", (event) => {
    if (dragged) event.preventDefault();
  });
  form.addEventListener("dragend", () => {
    if (!dragged) return;
    const item = dragged;
    dragged = null;
    item.classList.remove("dragged");
    item.parentElement.classList.remove("sorting");
    const to = [...item.parentElement.children].indexOf(item);
    const [slot, from] = item.dataset.item.split(":");
    if (String(to) === from) return;
    const move = document.createElement("button");
    move.name = "do";
    move.value = `rule-move:${slot}:${from}:${to}`;
    move.hidden = true;
    form.append(move);
    form.requestSubmit(move);
  });
})();
