/* Keys, focus and the undo line. Every act here is also a link or a button: without this file
   the desk still works. */
"use strict";
(() => {
  const DEFAULTS = { next: "j", previous: "k", approve: "f", reject: "d", spam: "s", reasons: "r", ban: "b", escalate: "e", hold: "h", more: "m", trust: "v", like: "a", select: "x", queue: "t", zen: "z", search: "/", help: "?", undo: "u" };
  const body = document.body;
  if (!body.classList.contains("at-desk")) return;
  const keys = { ...DEFAULTS, ...JSON.parse(body.dataset.keys || "{}") };
  const byKey = Object.fromEntries(Object.entries(keys).map(([name, key]) => [key, name]));
  const pane = document.getElementById("comment");
  const find = (selector) => document.querySelector(selector);
  const opened = () => pane.querySelector("[data-comment]")?.dataset.comment;
  const rows = () => [...document.querySelectorAll("#rows .row")];
  let undoTimer = 0;

  function printKeys(root) {
    for (const label of root.querySelectorAll("kbd[data-key]")) label.textContent = keys[label.dataset.key] ?? "";
  }

  function showCurrent() {
    const id = opened();
    for (const row of rows()) {
      const current = row.id === "row-" + id;
      row.classList.toggle("current", current);
      const link = row.querySelector("a");
      if (current) { link.setAttribute("aria-current", "true"); row.scrollIntoView({ block: "nearest" }); }
      else link.removeAttribute("aria-current");
    }
  }

  function showBusy() {
    const busy = new Set(find("#busy").textContent.trim().split(" "));
    for (const row of rows()) row.classList.toggle("busy", busy.has(row.id.slice(4)));
  }

  function takeOut() {
    for (const id of find("#gone").textContent.trim().split(" ")) document.getElementById("row-" + id)?.remove();
    // Few rows left: ask for the next page before the eye comes there.
    if (rows().length < 15) find("#rows .more a")?.click();
  }

  function startUndo() {
    clearTimeout(undoTimer);
    const told = find("#told [data-told]");
    if (!told) return;
    const wait = () => {
      undoTimer = setTimeout(() => (told.matches(":hover, :focus-within") ? wait() : told.remove()), 1000 * body.dataset.undoSeconds);
    };
    wait();
  }

  function step(way) {
    const all = rows().filter((row) => !row.classList.contains("busy"));
    const at = all.findIndex((row) => row.id === "row-" + opened());
    const row = all[at < 0 ? 0 : at + way];
    if (row) row.querySelector("a").click();
  }

  function choose(number) {
    const menu = pane.querySelector('details[data-menu="reasons"][open]');
    if (menu) {
      const radio = menu.querySelectorAll("input[type=radio]")[number - 1];
      if (radio) { radio.checked = true; radio.focus(); }
      return;
    }
    document.querySelectorAll("#views a")[number - 1]?.click();
  }

  function openMenu(name) {
    const menu = pane.querySelector(`details[data-menu="${name}"]`);
    if (!menu) return;
    menu.open = !menu.open;
    const first = menu.querySelector("input:checked") || menu.querySelector("input, select, button");
    if (menu.open && first) first.focus();
  }

  const acts = {
    next: () => step(1),
    previous: () => step(-1),
    queue: () => {
      const all = [...document.querySelectorAll("#views a")];
      const at = all.findIndex((link) => link.hasAttribute("aria-current"));
      all[(at + 1) % all.length]?.click();
    },
    zen: () => body.classList.toggle("zen"),
    search: () => find("#text")?.focus(),
    help: () => find("#keys")?.showModal(),
    undo: () => find("[data-undo] button")?.click(),
    reasons: () => openMenu("reasons"),
    more: () => openMenu("more"),
    select: () => find("#row-" + opened() + " input")?.click(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || find("dialog[open]")) return;
    const typing = event.target.closest("textarea, select, input:not([type=checkbox], [type=radio])");
    if (event.key === "Escape") {
      for (const menu of document.querySelectorAll("details.menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
      if (typing) event.target.blur();
      return;
    }
    if (typing) return;
    if (event.key === "Enter" && event.target.matches("input[type=radio]")) {
      event.preventDefault();
      event.target.closest(".sheet").querySelector("button[value=reject_for]").click();
      return;
    }
    if (/^[1-9]$/.test(event.key)) { choose(Number(event.key)); event.preventDefault(); return; }
    const name = byKey[event.key];
    if (!name) return;
    event.preventDefault();
    if (event.repeat && name !== "next" && name !== "previous") return;
    if (acts[name]) acts[name]();
    else if (!pane.classList.contains("htmx-request")) pane.querySelector(`[data-act="${name}"]`)?.click();
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
    if (event.target.matches("[data-fills]")) document.getElementById(event.target.dataset.fills).value = event.target.value;
  });

  // One menu at a time; a click elsewhere closes it.
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.target !== pane) return;
    // A second press of a key while the answer is on its way must not decide on the next comment unseen.
    if (pane.classList.contains("asking")) { event.preventDefault(); return; }
    pane.classList.add("asking");
    if (event.detail.elt.id === "acts") find("#row-" + opened())?.classList.add("leaving");
  });

  // A form that was just put in and is not bound yet would be sent the slow way, as a page of its own.
  const isAnswered = () => pane.classList.remove("asking");

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.target === pane && !event.detail.successful) isAnswered();
    if (!event.detail.successful) {
      for (const row of document.querySelectorAll(".row.leaving")) row.classList.remove("leaving");
      if (event.detail.xhr?.status === 0 || !event.detail.xhr) {
        const line = document.createElement("p");
        line.className = "told error";
        line.textContent = body.dataset.offline;
        find("#told").replaceChildren(line);
      }
    }
  });

  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target === pane) {
      isAnswered();
      printKeys(pane);
      pane.scrollTop = 0;
      body.classList.toggle("reading", Boolean(opened()));
      pane.querySelector("article")?.focus({ preventScroll: true });
      if (matchMedia("(max-width: 759px)").matches) scrollTo(0, 0);
    }
    printKeys(document.getElementById("told"));
    showCurrent();
    showBusy();
  });

  document.addEventListener("htmx:oobAfterSwap", (event) => {
    const id = event.detail.target.id;
    if (id === "told") startUndo();
    if (id === "gone") takeOut();
    if (id === "busy") showBusy();
  });

  document.addEventListener("live:gone", takeOut);
  document.addEventListener("live:busy", showBusy);
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.detail.elt.id !== "pulse") return;
    event.detail.parameters.open = opened() || "";
    event.detail.parameters.shown = rows().length;
  });

  printKeys(document);
  showCurrent();
  startUndo();
  body.classList.add("with-script");
})();
