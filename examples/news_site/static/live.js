// While a reader's own comment waits, ask this site now and then whether it has been published, and show it
// without a reload. Everything works without this file.
"use strict";

(() => {
  const said = document.getElementById("said");
  const waits = () =>
    [...document.querySelectorAll("[data-waits]")].map((comment) => comment.dataset.waits);
  if (!said || waits().length === 0) return;

  const started = Date.now();
  let pause = 1500;

  async function look() {
    // Ten minutes on one page are enough; a hidden page does not ask.
    if (Date.now() - started > 600000) return;
    if (!document.hidden) {
      try {
        const old = document.getElementById("threads");
        const answer = await fetch(old.dataset.from, { credentials: "same-origin" });
        if (answer.ok) renew(old, await answer.text());
      } catch {
        // The network is away: ask again later.
      }
    }
    if (waits().length > 0) {
      pause = Math.min(pause * 1.3, 20000);
      setTimeout(look, pause);
    }
  }

  function renew(old, html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("threads");
    if (!fresh || fresh.innerHTML === old.innerHTML) return;
    const before = waits();
    const hadFocus = old.contains(document.activeElement);
    old.replaceWith(document.adoptNode(fresh));
    document.getElementById("count").textContent = fresh.dataset.count;
    const now = waits();
    const published = before.filter((id) => {
      const comment = document.getElementById("comment-" + id);
      return !now.includes(id) && comment && !comment.classList.contains("own-only");
    });
    if (published.length === 0) {
      if (now.length < before.length) said.hidden = true;
      return;
    }
    said.textContent = said.dataset.published;
    said.hidden = false;
    const first = document.getElementById("comment-" + published[0]);
    first.classList.add("just-published");
    if (hadFocus) {
      first.tabIndex = -1;
      first.focus({ preventScroll: true });
    }
  }

  setTimeout(look, pause);
})();
