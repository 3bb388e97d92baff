// Pieces that many views are built of: chips, tables, panels, lists of messages.

import { data, h, visible } from "./dom.js";
import { count, time } from "./format.js";
import { link } from "./route.js";
import { t, word } from "./text.js";

// How good a status, state or step is; what is not named is neutral.
const TONES = {
  sent: "good", delivered: "good", read: "good", failed: "bad", submitted: "wait", sending: "wait",
  healthy: "good", degraded: "bad", probing: "wait", recovering: "wait",
  done: "good", waiting: "warn", running: "wait", refused: "idle", expired: "idle",
};

export const tone = (name) => TONES[name] ?? "idle";

// A word with a colour, which says nothing that the word does not.
export function chip(group, name, { strong = false } = {}) {
  if (!name) return h("span", { class: "none" }, "\u2013");
  return h("span", { class: `chip ${tone(name)}${strong ? " strong" : ""}` }, data(word(group, name), { most: 40 }));
}

// A small mark, with why on hover and for screen readers.
export function mark(key, colour = "idle", more = "") {
  return h("span", { class: `mark ${colour}`, title: more || t(`mark.${key}.why`) }, t(`mark.${key}`));
}

// A heading with a body below it.
export function panel(title, body, { aside = null, level = 2, id = null } = {}) {
  return h("section", { class: "panel", id, "aria-label": title },
    h("header", { class: "panel-head" }, h(`h${level}`, null, title), aside), body);
}

// A table. A column is `{name, cell(row), class, sort}`; what is wide scrolls within, with the keyboard too.
export function table(caption, columns, rows, { key, empty = t("empty"), order = null, rowClass = null } = {}) {
  if (!rows.length) return nothing(empty);
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", null,
      h("caption", { class: "unseen" }, caption),
      h("thead", null, h("tr", null, columns.map((column) => head(column, order)))),
      h("tbody", null, rows.map((row, index) => h("tr", { "data-key": key ? key(row) : null, class: rowClass?.(row) },
        columns.map((column) => h("td", { class: column.class }, column.cell(row, index))))))));
}

function head(column, order) {
  const sorts = order && column.sort;
  const now = sorts && order.by === column.sort ? (order.down ? "descending" : "ascending") : null;
  const name = sorts
    ? h("button", { type: "button", class: "sort", onclick: () => order.set(column.sort) }, column.name,
      h("span", { "aria-hidden": "true" }, now ? (order.down ? " \u2193" : " \u2191") : ""))
    : column.name;
  return h("th", { scope: "col", class: column.class, "aria-sort": now }, name);
}

// What stands where there is nothing.
export function nothing(text, more = null) {
  return h("div", { class: "nothing" }, h("p", null, text), more);
}

// Names with values.
export function facts(pairs) {
  const shown = pairs.filter(Boolean);
  return h("dl", { class: "facts" }, shown.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));
}

// A big figure with its name.
export function figure(name, value, { tone: colour = "", note = null } = {}) {
  return h("div", { class: `figure ${colour}` }, h("dt", null, name), h("dd", null, value), note ? h("dd", { class: "note" }, note) : null);
}

// The vendor's code, and what it means.
export function code(row) {
  if (!row.code && !row.outcome) return h("span", { class: "none" }, "\u2013");
  return [
    row.outcome ? h("span", { class: row.outcome === "ok" ? "" : "outcome" }, data(word("outcome", row.outcome), { most: 40 })) : null,
    row.code ? [" ", h("span", { class: "code" }, data(row.code, { most: 40, mono: true }))] : null,
    row.meaning ? h("span", { class: "meaning", title: visible(row.meaning, 2_000) }, data(row.meaning, { most: 160 })) : null,
  ];
}

// What is out of the ordinary about a message.
export function marks(brief) {
  const conflicts = (brief.conflicts ?? []).map(({ from, to }) => `${word("status", from)} \u2192 ${word("status", to)}`).join(", ");
  return [
    brief.switched ? mark("switched", "wait") : null,
    brief.drill ? mark("drill", "warn") : null,
    brief.doubled ? mark("doubled", "bad") : null,
    conflicts ? mark("conflict", "bad", t("mark.conflict.of", { steps: conflicts })) : null,
  ];
}

// The link to a message, by whatever it is known.
export function messageLink(brief) {
  const name = brief.id || brief.vendor_ids?.[0] || brief.trace_ids?.[0] || brief.key;
  return h("a", { class: "mono", href: link("message", brief.key), "data-key": "link" }, data(name, { most: 48 }));
}

// A list of messages.
export function messages(caption, briefs, empty) {
  return table(caption, [
    { name: t("col.last"), class: "nowrap", cell: (brief) => time(brief.last_ms) },
    { name: t("col.message"), cell: messageLink },
    { name: t("col.status"), cell: (brief) => h("span", null, chip("status", brief.status), " ", marks(brief)) },
    { name: t("col.channel"), cell: (brief) => data(brief.channel, { most: 40 }) },
    { name: t("col.node"), cell: (brief) => data(brief.node, { most: 40 }) },
    { name: t("col.result"), class: "wide", cell: code },
    { name: t("col.business"), cell: (brief) => data(brief.business, { most: 40 }) },
    { name: t("col.template"), cell: (brief) => data(brief.template, { most: 40 }) },
    { name: t("col.recipients"), class: "number", cell: (brief) => count(brief.recipients) },
  ], briefs, { key: (brief) => brief.key, empty });
}

// Copies a text, and says so.
export function copy(text) {
  const button = h("button", { type: "button", class: "small quiet", onclick: async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = t("copied");
    } catch {
      button.textContent = t("copy.no");
    }
    setTimeout(() => { button.textContent = t("copy"); }, 2_000);
  } }, t("copy"));
  return button;
}
