// Failures that are alike, counted: what fails, how often, since when, and whether it grows.

import { get } from "./api.js";
import { data, h } from "./dom.js";
import { count, time } from "./format.js";
import { live } from "./live.js";
import { mark, table } from "./parts.js";
import { rangeBar, rangeOf } from "./range.js";
import { go, link } from "./route.js";
import { t, word } from "./text.js";

const EVERY_MS = 10_000;

export const title = () => t("patterns.title");

// The view.
export function mount(main, { query }, { signal }) {
  const body = h("div");
  main.append(h("div", { class: "toolbar" }, rangeBar(query, (more) => go(link("patterns", "", { ...query, ...more })))), body);
  live(body, {
    signal,
    rows: 8,
    every: rangeOf(query).moves ? EVERY_MS : 0,
    load: (own) => {
      const { from_ms, to_ms } = rangeOf(query);
      return get("patterns", { from_ms, to_ms }, own);
    },
    draw: ({ patterns }) => draw(patterns, query),
  });
}

function draw(patterns, query) {
  const most = (row) => Math.max(1, ...(row.trend ?? []));
  return table(t("patterns.title"), [
    { name: t("patterns.count"), class: "number", cell: (row) => h("a", { href: behind(row, query) }, count(row.count)) },
    { name: t("patterns.trend"), cell: (row) => h("span", { class: "nowrap" }, spark(row.trend ?? [], most(row)), row.rising ? mark("rising", "warn") : null) },
    { name: t("col.channel"), cell: (row) => data(row.channel) },
    { name: t("col.code"), cell: (row) => data(row.code, { mono: true, most: 60 }) },
    { name: t("patterns.what"), class: "wide", cell: (row) => [
      row.outcome ? data(word("outcome", row.outcome)) : null,
      row.meaning ? h("span", { class: "meaning" }, data(row.meaning, { most: 200 })) : null,
      row.text ? h("span", { class: "meaning mono" }, data(row.text, { most: 200 })) : null] },
    { name: t("patterns.first"), class: "nowrap", cell: (row) => time(row.first_ms) },
    { name: t("patterns.last"), class: "nowrap", cell: (row) => time(row.last_ms) },
    { name: t("col.marks"), cell: (row) => [row.above ? mark("above", "bad", t("mark.above.of", { n: count(row.threshold) })) : null, proposal(row)] },
  ], patterns, { key: (row) => [row.channel, row.code, row.outcome, row.text].join("\u0001"), empty: t("patterns.none") });
}

const behind = (row, query) => link("search", "", {
  last: query.last, from_ms: query.from_ms, to_ms: query.to_ms, channel: row.channel, code: row.code, text: row.text, outcome: row.outcome,
});

// A switch that the config proposes for this failure; it is done on the page of channels, by somebody who may.
function proposal({ proposal: told, channel }) {
  if (!told) return null;
  return h("a", { class: "button small", href: link("channels", "", { channel, propose: "switch", to: told.to?.join(","), reason: told.reason }) }, t("patterns.propose"));
}

function spark(values, most) {
  const step = 72 / Math.max(1, values.length);
  return h("svg:svg", { class: "spark", width: 72, height: 18, viewBox: "0 0 72 18", role: "img", "aria-label": t("patterns.trend.of", { values: values.join(", ") }) },
    values.map((value, index) => h("svg:rect", { x: index * step, y: 18 - Math.max(1, (value / most) * 18), width: Math.max(1, step - 1), height: Math.max(1, (value / most) * 18) })));
}
