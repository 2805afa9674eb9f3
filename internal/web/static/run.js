// Pages of runs and hooks while they are live: the end of a log stays in view where
// it is in view, and the window's title says how it stands. Nothing else needs this.
(() => {
  "use strict";
  const most = 5000; // lines that a page keeps
  const ends = new WeakMap(); // log -> whether its end is in view
  const atEnd = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 30;
  const settle = (box) => {
    if (ends.get(box)) box.scrollTop = box.scrollHeight;
  };
  const watch = (box) => {
    if (ends.has(box)) return;
    const searched = location.hash || new URLSearchParams(location.search).has("from");
    ends.set(box, !searched && !box.querySelector(".hit"));
    settle(box);
    const hit = box.querySelector(".hit");
    if (hit && !location.hash) hit.scrollIntoView({ block: "center" });
    box.addEventListener("scroll", () => ends.set(box, atEnd(box)), { passive: true });
  };
  const look = () => {
    for (const box of document.querySelectorAll(".log")) {
      watch(box);
      settle(box);
    }
    const lines = document.getElementById("log-lines");
    const box = document.getElementById("log-box");
    if (lines && box && ends.get(box)) {
      while (lines.childElementCount > most) lines.firstElementChild.remove();
    }
    const head = document.querySelector("#main [data-title]");
    if (head && head.dataset.title && document.getElementById("live")) {
      const rest = document.title.slice(document.title.lastIndexOf(" · "));
      const title = head.dataset.title + rest;
      if (document.title !== title) document.title = title;
    }
  };
  const start = () => {
    look();
    const main = document.getElementById("main");
    if (main && document.getElementById("live")) new MutationObserver(look).observe(main, { childList: true, subtree: true });
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
