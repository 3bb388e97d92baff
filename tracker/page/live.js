// What is on show comes from the server, and comes again: first a placeholder, then data, then newer data in its place.

import { Failure } from "./api.js";
import { fill, h, morph } from "./dom.js";
import { clock } from "./format.js";
import { t } from "./text.js";

// Loads and draws into `box` until `signal` ends it, every `every` ms while the page can be seen (0: once). `draw(data)` gives
// a node. If it fails later, what is there stays, and says that it is old. Gives a function that loads at once.
export function live(box, { load, draw, every = 0, signal, rows = 4 }) {
  let content = null;
  let drawnAt = 0;
  let timer;
  let current;
  const notice = h("div", { class: "notice-place" });
  fill(box, notice, placeholder(rows));
  box.setAttribute("aria-busy", "true");

  async function turn() {
    clearTimeout(timer);
    current?.abort();
    const own = new AbortController();
    current = own;
    const stop = () => own.abort();
    signal.addEventListener("abort", stop);
    try {
      const data = await load(own.signal);
      if (own.signal.aborted) return;
      show(draw(data));
    } catch (error) {
      if (own.signal.aborted) return;
      if (!(error instanceof Failure)) console.error(error);
      fail(error);
    } finally {
      signal.removeEventListener("abort", stop);
      if (current === own) box.removeAttribute("aria-busy");
    }
    if (every && !signal.aborted && current === own) timer = setTimeout(due, every);
  }

  function due() {
    if (!document.hidden) turn();
    else document.addEventListener("visibilitychange", due, { once: true, signal });
  }

  function show(node) {
    drawnAt = Date.now();
    fill(notice);
    if (content) content = morph(content, node);
    else {
      content = node;
      fill(box, notice, content);
    }
  }

  function fail(error) {
    if (error.kind === "signin") dispatchEvent(new Event("signed-out"));
    const old = content ? t("error.old", { time: clock(drawnAt) }) : "";
    fill(notice, problem(error, turn, old));
    if (!content) fill(box, notice);
  }

  signal.addEventListener("abort", () => clearTimeout(timer));
  turn();
  return turn;
}

// Lines that stand where data will be.
export function placeholder(rows) {
  const lines = Array.from({ length: rows }, () => h("div", { class: "skeleton-line" }));
  return h("div", { class: "skeleton", role: "status" }, h("span", { class: "unseen" }, t("loading")), lines);
}

// What went wrong in words, with what to do.
export function problem(error, again, more = "") {
  const kind = error instanceof Failure ? error.kind : "page";
  const said = kind === "refused" || kind === "forbidden" ? error.message : "";
  return h("div", { class: "notice bad", role: "alert" },
    h("strong", null, t(`error.${kind}`)), " ",
    said && said !== kind ? h("bdi", null, said) : null,
    error.hint ? h("p", null, h("bdi", null, error.hint)) : null,
    more ? h("p", null, more) : null,
    again ? h("button", { type: "button", class: "small", onclick: () => again() }, t("again")) : null);
}
