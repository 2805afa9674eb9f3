// What a page tells of its connection: the part "live" has the words.
(() => {
  "use strict";
  const say = (element, state) => {
    element.dataset.state = state;
    const word = element.querySelector(".live-word");
    const text = element.dataset[state];
    if (word.textContent !== text) word.textContent = text;
  };
  const on = (name, act) => document.addEventListener(name, (event) => {
    const element = event.target;
    if (element instanceof Element && element.matches(".live")) act(element, event.detail || {});
  });
  on("live", (element) => say(element, "live"));
  on("busy", (element) => say(element, "busy"));
  on("over", (element) => say(element, "over"));
  on("htmx:sse:error", (element) => say(element, "lost"));
  on("htmx:sse:before:connection", (element, detail) => {
    if (detail.connection.attempt > 0 && element.dataset.state !== "busy") say(element, "lost");
  });
  // The first connection is tried again here, later ones by the extension.
  on("htmx:error", (element) => {
    say(element, "lost");
    setTimeout(() => htmx.trigger(element, "again"), 5000);
  });
})();
