"use strict";
// Keyboard shortcuts of the review page. Each one presses a button that also works without this script.
(() => {
  const items = [...document.querySelectorAll(".queue article")];
  const buttons = {
    c: '[name="decision"][value="confirmed"]',
    r: '[name="decision"][value="rejected"]',
    n: '[name="decision"][value="never"]',
    a: '[name="group"][value="confirmed"]',
    x: '[name="group"][value="never"]',
  };
  let at = -1;

  const go = (to) => {
    if (!items.length) return;
    at = Math.min(Math.max(to, 0), items.length - 1);
    items[at].focus({ preventScroll: true });
    items[at].scrollIntoView({ block: "start" });
  };

  const press = (button) => {
    if (button) button.form.requestSubmit(button);
  };

  document.addEventListener("focusin", (event) => {
    const item = event.target.closest(".queue article");
    if (item) at = items.indexOf(item);
  });

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.closest("input, textarea, select")) return;
    if (event.key === "j") go(at + 1);
    else if (event.key === "k") go(at - 1);
    else if (event.key in buttons && at >= 0) {
      press(items[at].querySelector(`button${buttons[event.key]}`));
    } else if (event.key === "u") press(document.querySelector(".decided button"));
    else return;
    event.preventDefault();
  });

  const wanted = /^#item-(\d+)$/.exec(location.hash);
  if (wanted) go(Number(wanted[1]) - 1);
})();
