/* Keeps an open desk fresh: a stream of what others decide, and every few seconds a question to the server.
   The stream is believed only while something comes through it; else the questions come more often. */
"use strict";
(() => {
  const body = document.body;
  if (!body.classList.contains("at-desk")) return;
  const PULSE_MS = 5000, PULSE_LIVE_MS = 20000, SILENCE_MS = 16000, AGAIN_MS = 60000;
  const pane = document.getElementById("comment");
  const view = body.dataset.view;
  const opened = () => pane.querySelector("[data-comment]")?.dataset.comment;
  const isAsking = () => pane.classList.contains("asking");
  let stream = null, heardAt = -Infinity, pulsedAt = performance.now(), soon = 0;

  const isLive = () => performance.now() - heardAt < SILENCE_MS;

  function pulse() {
    clearTimeout(soon);
    soon = 0;
    if (document.hidden || isAsking()) return;
    pulsedAt = performance.now();
    htmx.trigger("#pulse", "pulse");
  }

  /* Counts may be a little late; ten decisions in a second must not become ten questions. */
  function pulseSoon(ms) { if (!soon) soon = setTimeout(pulse, ms); }

  function hear(name, work) {
    stream.addEventListener(name, (event) => {
      heardAt = performance.now();
      body.dataset.live = "stream";
      work(event.data);
    });
  }

  function tell(id, words) {
    document.getElementById(id).textContent = words;
    document.dispatchEvent(new Event("live:" + id));
  }

  function listen() {
    if (!window.EventSource || stream || document.hidden) return;
    stream = new EventSource(body.dataset.stream);
    hear("beat", () => {});
    hear("busy", (data) => tell("busy", data));
    hear("moved", (data) => {
      const left = Object.entries(JSON.parse(data)).filter(([, views]) => !views.includes(view)).map(([id]) => id);
      const mine = opened();
      tell("gone", left.filter((id) => id !== mine).join(" "));
      if (left.includes(mine) && !isAsking()) pulse(); else pulseSoon(2000);
    });
    // A stream that breaks is asked for again by the browser; one that was refused, by us, after a while.
    stream.addEventListener("error", () => {
      if (stream.readyState !== EventSource.CLOSED) return;
      hush();
      setTimeout(listen, AGAIN_MS);
    });
  }

  function hush() {
    stream?.close();
    stream = null;
    heardAt = -Infinity;
    body.dataset.live = "asks";
  }

  setInterval(() => {
    if (!isLive()) body.dataset.live = "asks";
    if (performance.now() - pulsedAt >= (isLive() ? PULSE_LIVE_MS : PULSE_MS)) pulse();
  }, 1000);

  // Nobody looks, nobody asks: a hidden tab holds no connection.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { hush(); return; }
    listen();
    pulse();
  });
  addEventListener("pagehide", hush);
  addEventListener("pageshow", (event) => { if (event.persisted) { listen(); pulse(); } });
  hush();
  listen();
})();
