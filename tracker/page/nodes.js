// The nodes as they are now, and how long messages wait between services.

import { get } from "./api.js";
import { data, h } from "./dom.js";
import { count, length, rate, share } from "./format.js";
import { live } from "./live.js";
import { panel, table } from "./parts.js";
import { go, link } from "./route.js";
import { rangeOf } from "./range.js";
import { t } from "./text.js";

const EVERY_MS = 10_000;
const MINUTES = ["1", "5", "15", "60"];
const LATE_BELOW = 0.95;

export const title = () => t("nodes.title");

// The view.
export function mount(main, { query }, { signal }) {
  const minutes = MINUTES.includes(query.minutes) ? query.minutes : "5";
  const change = (more) => go(link("nodes", "", { ...query, ...more }), { replace: true });
  const [body, waits] = [h("div"), h("div")];
  main.append(h("div", { class: "toolbar" }, h("div", { class: "segments", role: "group", "aria-label": t("range") },
    MINUTES.map((n) => h("button", { type: "button", id: `minutes-${n}`, "aria-pressed": String(n === minutes), onclick: () => change({ minutes: n === "5" ? "" : n }) }, t("nodes.minutes", { n }))))),
  body, panel(t("waits.title"), waits));
  const order = makeOrder(query, change);
  live(body, { signal, rows: 8, every: EVERY_MS, load: (own) => get("nodes", { minutes }, own), draw: ({ nodes }) => draw(nodes, order) });
  live(waits, { signal, every: 60_000, load: (own) => {
    const { from_ms, to_ms } = rangeOf({ last: "1h" });
    return get("waits", { from_ms, to_ms }, own);
  }, draw: drawWaits });
}

function makeOrder(query, change) {
  const [by, down] = [query.sort ?? "messages", query.order !== "up"];
  return { by, down, set: (next) => change({ sort: next, order: next === by && down ? "up" : "" }) };
}

function draw(nodes, order) {
  const worth = (node) => (typeof node[order.by] === "string" ? node[order.by] : node[order.by] ?? -1);
  const up = (a, b) => (typeof worth(a) === "string" ? worth(a).localeCompare(worth(b)) : worth(a) - worth(b));
  const rows = [...nodes].sort((a, b) => (order.down ? up(b, a) : up(a, b)) || a.node.localeCompare(b.node));
  return table(t("nodes.title"), [
    { name: t("col.node"), sort: "node", cell: (row) => h("a", { href: link("search", "", { node: row.node }) }, data(row.node, { most: 60 })) },
    { name: t("col.channel"), sort: "channel", cell: (row) => data(row.channel, { most: 40 }) },
    number("messages", (row) => count(row.messages)),
    number("per_second", (row) => rate(row.per_second)),
    number("failed", (row) => (row.failed ? h("a", { class: "bad-text", href: link("search", "", { node: row.node, event_status: "failed" }) }, count(row.failed)) : "0")),
    number("p50_ms", (row) => length(row.p50_ms)),
    number("p99_ms", (row) => length(row.p99_ms)),
    number("on_time_ratio", (row) => meter(row.on_time_ratio)),
    number("in_flight", (row) => count(row.in_flight)),
    number("blocked", (row) => (row.blocked ? h("a", { class: "bad-text", href: link("blocked", "", { node: row.node }) }, count(row.blocked)) : "0")),
    number("oldest_blocked_ms", (row) => length(row.oldest_blocked_ms)),
  ], rows, { key: (row) => `${row.node} ${row.channel}`, order, empty: t("nodes.none") });
}

const number = (name, cell) => ({ name: t(`nodes.${name}`), class: "number", sort: name, cell });

function meter(ratio) {
  if (ratio === null || ratio === undefined) return h("span", { class: "none" }, "\u2013");
  return h("span", { class: `meter ${ratio < LATE_BELOW ? "bad" : "good"}` }, h("span", { class: "meter-fill", css: { width: `${ratio * 100}%` } }), h("span", { class: "meter-text" }, share(ratio)));
}

function drawWaits({ edges, sampled }) {
  return h("div", null, table(t("waits.title"), [
    { name: t("waits.from"), cell: (row) => [data(row.from_node), h("span", { class: "note" }, data(row.from_service, { none: "" }))] },
    { name: t("waits.to"), cell: (row) => [data(row.to_node), h("span", { class: "note" }, data(row.to_service, { none: "" }))] },
    { name: t("waits.samples"), class: "number", cell: (row) => count(row.samples) },
    { name: "p50", class: "number", cell: (row) => length(row.p50_ms) },
    { name: "p99", class: "number", cell: (row) => length(row.p99_ms) },
    { name: t("waits.max"), class: "number", cell: (row) => length(row.max_ms) },
  ], edges, { key: (row) => [row.from_service, row.from_node, row.to_service, row.to_node].join(" "), empty: t("waits.none") }),
  h("p", { class: "hint" }, t("waits.sampled", { n: count(sampled) })));
}
