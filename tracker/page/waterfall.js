// The visits of a message as bars over time, each against its limit, below the visit out of which it came.

import { data, h } from "./dom.js";
import { clock, length, time } from "./format.js";
import { code, mark, nothing } from "./parts.js";
import { t, word } from "./text.js";

const MOST_DEPTH = 6;
const MOST_ROWS = 300;
const MOST_GAPS = 10;
// How much of the busy time a quiet stretch may take.
const MOST_QUIET = 0.15;

const isOpen = ({ duration_ms }) => duration_ms === null || duration_ms === undefined;

// The waterfall. Visits that are still open last until now.
export function waterfall(visits, now_ms) {
  if (!visits.length) return nothing(t("message.way.none"));
  const rows = tree(visits).slice(0, MOST_ROWS);
  const end = (visit) => visit.start_ms + (visit.duration_ms ?? Math.max(0, now_ms - visit.start_ms));
  const scale = makeScale(rows.map(({ visit }) => visit), end);
  const more = visits.length - rows.length;
  return h("div", null, more ? h("p", { class: "hint" }, t("message.way.more", { n: more })) : null, h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("message.way") },
    h("table", { class: "waterfall" },
      h("caption", { class: "unseen" }, t("message.way")),
      h("thead", null, h("tr", null,
        h("th", { scope: "col" }, t("col.node")), h("th", { scope: "col" }, t("col.channel")),
        h("th", { scope: "col", class: "time-line" }, ruler(scale)),
        h("th", { scope: "col", class: "number" }, t("col.took")), h("th", { scope: "col" }, t("col.result")))),
      h("tbody", null, rows.map(({ visit, depth }) => row(visit, depth, scale, end(visit)))))));
}

function row(visit, depth, scale, end) {
  const open = isOpen(visit);
  const over = visit.on_time === false || (visit.limit_ms && end - visit.start_ms > visit.limit_ms);
  const failed = visit.outcome && visit.outcome !== "ok" && visit.outcome !== "duplicate";
  const tone = failed ? "bad" : over ? "warn" : "good";
  return h("tr", { "data-key": visit.span_id ?? null },
    h("th", { scope: "row", class: "visit-name" },
      h("span", { class: `branch ${visit.edge}`, css: { "margin-inline-start": `${Math.min(depth, MOST_DEPTH) * 1}rem` }, title: visit.edge === "none" ? null : t(`edge.${visit.edge}.why`) },
        visit.edge === "none" ? null : h("span", { class: "unseen" }, t(`edge.${visit.edge}`), " ")),
      data(visit.node || visit.name, { most: 60 }),
      h("span", { class: "note" }, data(visit.service, { most: 60, none: "" }))),
    h("td", null, data(visit.channel, { most: 40 }),
      visit.switched_from ? h("span", { class: "note" }, t("visit.instead"), " ", data(visit.switched_from, { most: 40 })) : null),
    h("td", { class: "time-line" }, bar(visit, scale, end, tone, open)),
    h("td", { class: "number nowrap" },
      h("span", { class: over ? "bad-text" : "" }, open ? t("visit.open", { age: length(end - visit.start_ms) }) : length(visit.duration_ms)),
      visit.limit_ms ? h("span", { class: "note" }, t("visit.limit", { limit: length(visit.limit_ms) })) : null),
    h("td", { class: "wide" }, result(visit)));
}

function bar(visit, scale, end, tone, open) {
  const left = scale.at(visit.start_ms);
  const width = Math.max(scale.at(end) - left, 0.4);
  const limit = visit.limit_ms ? scale.at(visit.start_ms + visit.limit_ms) : null;
  const said = t("visit.bar", { start: clock(visit.start_ms, { millis: true }), took: length(end - visit.start_ms) });
  return h("div", { class: "track", title: said },
    scale.gaps.map(({ left: start, right, from, to }) => h("span", { class: "gap", css: { left: `${start}%`, width: `${right - start}%` }, title: t("visit.gap", { length: length(to - from) }) })),
    h("span", { class: `bar ${tone}${open ? " still" : ""}`, css: { left: `${left}%`, width: `${width}%` } }),
    limit !== null && limit < 100 ? h("span", { class: "limit", css: { left: `${limit}%` } }) : null);
}

function result(visit) {
  return [
    code(visit),
    visit.http_status ? h("span", { class: "note-inline mono" }, ` HTTP ${visit.http_status}`) : null,
    visit.text ? h("span", { class: "meaning" }, data(visit.text, { most: 200 })) : null,
    h("span", { class: "marks" },
      visit.attempt > 1 ? mark("attempt", "wait", t("visit.attempt", { n: visit.attempt })) : null,
      visit.attempt > 1 ? h("span", { class: "unseen" }, t("visit.attempt", { n: visit.attempt })) : null,
      visit.switched_from ? mark("switched", "wait") : null,
      visit.drill ? mark("drill", "warn") : null,
      visit.fate ? h("span", { class: `mark ${visit.fate === "unsure" ? "warn" : "idle"}` }, data(word("fate", visit.fate))) : null,
      visit.on_time === false ? mark("late", "bad") : null),
  ];
}

function ruler(scale) {
  return h("span", { class: "ruler" }, time(scale.from, { millis: true }), h("span", null, `+${length(scale.to - scale.from)}`));
}

// Visits below those that they came from, each group by time.
function tree(visits) {
  const ids = new Set(visits.map(({ span_id }) => span_id).filter(Boolean));
  const below = new Map();
  const roots = [];
  for (const visit of [...visits].sort((a, b) => a.start_ms - b.start_ms)) {
    const parent = visit.parent_id && visit.parent_id !== visit.span_id && ids.has(visit.parent_id) ? visit.parent_id : null;
    if (!parent) roots.push(visit);
    else below.set(parent, [...(below.get(parent) ?? []), visit]);
  }
  const rows = [];
  const seen = new Set();
  const walk = (visit, depth) => {
    if (seen.has(visit)) return;
    seen.add(visit);
    rows.push({ visit, depth });
    for (const child of below.get(visit.span_id) ?? []) walk(child, depth + 1);
  };
  for (const visit of roots) walk(visit, 0);
  // What is its own ancestor has no root.
  for (const visit of visits) walk(visit, 0);
  return rows;
}

// From times to per cent. Long stretches in which no visit begins or ends but open ones are drawn short, so that a receipt
// that comes hours later does not press all else together.
function makeScale(visits, end) {
  const spans = visits.map((visit) => ({ from: visit.start_ms, to: end(visit), open: isOpen(visit) }));
  const edges = [...new Set(spans.flatMap(({ from, to }) => [from, to]))].sort((a, b) => a - b);
  const parts = edges.slice(1).map((to, index) => {
    const from = edges[index];
    return { from, to, weight: to - from, busy: spans.some((span) => !span.open && span.from <= from && span.to >= to) };
  });
  const sum = (some) => some.reduce((all, { weight }) => all + weight, 0);
  const most = (sum(parts.filter(({ busy }) => busy)) || sum(parts)) * MOST_QUIET;
  for (const part of parts) {
    if (!part.busy && part.weight > most) Object.assign(part, { weight: most, cut: true });
  }
  const total = sum(parts) || 1;
  let done = 0;
  for (const part of parts) {
    part.left = (done / total) * 100;
    done += part.weight;
    part.right = (done / total) * 100;
  }
  const at = (ms) => {
    const part = parts.find(({ from, to }) => ms >= from && ms <= to);
    if (!part) return ms <= edges[0] ? 0 : 100;
    return part.left + ((ms - part.from) / (part.to - part.from)) * (part.right - part.left);
  };
  return { at, gaps: parts.filter(({ cut }) => cut).slice(0, MOST_GAPS), from: edges[0], to: edges.at(-1) };
}
