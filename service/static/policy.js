/* Line numbers beside the policy's text, marks where it has faults, and a way from a fault to its line.
   Without this file the text is checked when it is sent. */
"use strict";
(() => {
  const text = document.getElementById("text");
  const checked = document.getElementById("checked");
  const gutter = document.querySelector(".gutter");
  if (!text || !gutter) return;
  let changed = false;
  let leaving = false;

  function number() {
    const faulty = new Set([...checked.querySelectorAll("[data-line]")].map((one) => Number(one.dataset.line)));
    const count = text.value.split("\n").length;
    gutter.replaceChildren(
      ...Array.from({ length: count }, (_, place) => {
        const mark = document.createElement(faulty.has(place + 1) ? "b" : "span");
        mark.textContent = `${place + 1}\n`;
        return mark;
      }),
    );
    gutter.scrollTop = text.scrollTop;
  }

  function goTo(line) {
    const lines = text.value.split("\n");
    const begin = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    text.focus();
    text.setSelectionRange(begin, begin + (lines[line - 1] ?? "").length);
    text.scrollTop = Math.max(0, (line - 5) * Number.parseFloat(getComputedStyle(text).lineHeight));
  }

  text.addEventListener("input", () => { changed = true; number(); });
  text.addEventListener("scroll", () => { gutter.scrollTop = text.scrollTop; });
  document.addEventListener("click", (event) => {
    const line = event.target.closest("[data-goes]")?.dataset.goes;
    if (line) goTo(Number(line));
  });
  document.addEventListener("htmx:afterSettle", number);
  // What is tried or proposed stays on the page; only a real submit leaves it.
  document.addEventListener("submit", () => { leaving = true; });
  addEventListener("beforeunload", (event) => { if (changed && !leaving) event.preventDefault(); });
  // The gutter is as tall as the text beside it, also when somebody drags its corner.
  new ResizeObserver(() => { gutter.style.height = `${text.offsetHeight}px`; number(); }).observe(text);
})();
