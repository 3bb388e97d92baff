// Says in the header how old the newest record is, and plainly when that is too old or nobody answers.

import { Failure, get, onAnswer } from "./api.js";
import { fill, h } from "./dom.js";
import { age, clock } from "./format.js";
import { t } from "./text.js";

const STALE_MS = 60_000;
const ASK_MS = 10_000;
const TONES = { fresh: "good", stale: "warn", down: "bad", first: "idle", none: "idle" };
let known = { newest_ms: 0, now_ms: 0, at: 0, ok: true, since: 0 };
let state = "";
let line = null;
let banner = null;

onAnswer(({ ok, now_ms, newest_ms }) => {
  if (!ok) {
    if (known.ok) known = { ...known, ok: false, since: Date.now() };
  } else if (now_ms) known = { now_ms, newest_ms: newest_ms ?? known.newest_ms, at: Date.now(), ok: true, since: 0 };
  else known = { ...known, ok: true };
  show();
});

// The line for the header and the banner below it; both look after themselves.
export function freshness() {
  state = "";
  line = h("div", { class: "fresh" });
  banner = h("div", { class: "banner-place", role: "status", "aria-live": "polite" });
  show();
  return { line, banner };
}

// Begins to look.
export function watch() {
  setInterval(show, 1_000);
  setInterval(() => {
    if (!document.hidden && (!known.ok || Date.now() - known.at > ASK_MS - 500)) ask();
  }, ASK_MS / 2);
}

async function ask() {
  try {
    await get("freshness");
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}

function show() {
  if (!line) return;
  const old = known.newest_ms ? Math.max(0, known.now_ms - known.newest_ms + (Date.now() - known.at)) : null;
  const next = !known.ok ? "down" : !known.at ? "first" : old === null ? "none" : old > STALE_MS ? "stale" : "fresh";
  const text = { down: () => t("fresh.down"), first: () => t("loading"), none: () => t("fresh.none") }[next] ?? (() => t("fresh.age", { age: age(old) }));
  line.className = `fresh ${TONES[next]}`;
  fill(line, h("span", { class: "dot", "aria-hidden": "true" }), text());
  // Told once when it changes, not each second.
  const said = next === "down" ? t("fresh.down.since", { time: clock(known.since) }) : next === "stale" ? t("fresh.stale", { time: clock(known.newest_ms) }) : "";
  if (state !== next + said) {
    state = next + said;
    fill(banner, said ? h("div", { class: `banner ${TONES[next]}` }, said) : null);
  }
}
