// What is not as it should be: visits that do not end, messages that were never sent, sent twice, or late.

import { get } from "./api.js";
import { data, h } from "./dom.js";
import { count, length, time } from "./format.js";
import { live } from "./live.js";
import { messages, panel, table } from "./parts.js";
import { rangeBar, rangeOf } from "./range.js";
import { go, link } from "./route.js";
import { t } from "./text.js";

const EVERY_MS = 10_000;
const PARTS = ["now", "lost", "doubled", "late"];

export const title = () => t("blocked.title");

// The view.
export function mount(main, { part, query }, { signal }) {
  const now = PARTS.includes(part) ? part : "now";
  const body = h("div");
  const tabs = h("nav", { class: "tabs", "aria-label": t("blocked.title") }, PARTS.map((name) => h("a", {
    href: link("blocked", name === "now" ? "" : name, { last: query.last, from_ms: query.from_ms, to_ms: query.to_ms }), id: `tab-${name}`, "aria-current": name === now ? "true" : null,
  }, t(`blocked.${name}`))));
  const range = (more) => go(link("blocked", now, { ...query, cursor: "", ...more }));
  main.append(tabs, h("p", { class: "hint" }, t(`blocked.${now}.why`)), now === "now" ? "" : h("div", { class: "toolbar" }, rangeBar(query, range)), body);
  if (now === "now") {
    live(body, { signal, rows: 8, every: EVERY_MS, load: (own) => get("blocked", { limit: 500 }, own), draw: (answer) => drawNow(answer, query) });
  } else {
    live(body, { signal, rows: 8, load: (own) => {
      const { from_ms, to_ms } = rangeOf(query);
      return get(now, { from_ms, to_ms, cursor: query.cursor, limit: 100 }, own);
    }, draw: (page) => drawList(page, now, query) });
  }
}

function drawNow({ visits, by_node }, query) {
  const shown = visits.filter(({ node }) => !query.node || node === query.node);
  return h("div", null,
    panel(t("blocked.by-node"), table(t("blocked.by-node"), [
      { name: t("col.node"), cell: (row) => h("a", { href: link("blocked", "", { node: row.node }), "aria-current": row.node === query.node ? "true" : null }, data(row.node)) },
      { name: t("blocked.n"), class: "number", cell: (row) => count(row.n) },
      { name: t("blocked.oldest"), class: "number", cell: (row) => h("span", { class: "bad-text" }, length(row.oldest_ms)) },
    ], by_node, { key: (row) => row.node, empty: t("blocked.none") })),
    visits.length ? panel(t("blocked.visits"), table(t("blocked.visits"), [
      { name: t("col.age"), class: "number", cell: (row) => h("span", { class: "bad-text" }, length(row.age_ms)) },
      { name: t("col.since"), class: "nowrap", cell: (row) => time(row.since_ms) },
      { name: t("col.node"), cell: (row) => data(row.node) },
      { name: t("col.channel"), cell: (row) => data(row.channel) },
      { name: t("col.business"), cell: (row) => data(row.business) },
      { name: t("col.message"), cell: (row) => h("a", { class: "mono", href: link("message", row.key) }, data(row.message_id || row.key, { most: 48 })) },
    ], shown, { key: (row) => row.span_id ?? row.key }),
    { aside: query.node ? h("a", { href: link("blocked") }, t("blocked.all")) : null }) : null);
}

function drawList({ messages: found, next }, now, query) {
  return h("div", null, messages(t(`blocked.${now}`), found, t(`blocked.${now}.none`)),
    h("nav", { class: "pages", "aria-label": t("pages") },
      query.cursor ? h("a", { class: "button", id: "page-first", href: link("blocked", now, { ...query, cursor: "" }) }, t("pages.first")) : null,
      next ? h("a", { class: "button", id: "page-next", href: link("blocked", now, { ...query, cursor: next }) }, t("pages.next")) : null));
}
