// Where one message is: its statuses, its way through the nodes, each recipient, and what has been recorded of it.

import { get } from "./api.js";
import { data, h, visible } from "./dom.js";
import { length, time } from "./format.js";
import { live } from "./live.js";
import { chip, code, copy, facts, marks, panel, table } from "./parts.js";
import { link } from "./route.js";
import { t, word } from "./text.js";
import { waterfall } from "./waterfall.js";

const EVERY_MS = 10_000;
const OF_VISIT = ["status", "alias", "enter", "dead_letter", "span"];
const USUAL = ["submitted", "sending", "sent", "delivered", "read"];

export const title = () => t("message.title");

// The view.
export function mount(main, { part }, { signal, heading }) {
  const body = h("div");
  main.append(body);
  const known = new Map();
  const again = live(body, {
    signal,
    rows: 10,
    every: EVERY_MS,
    load: (own) => get(`messages/${encodeURIComponent(part)}`, {}, own),
    draw: (answer) => {
      const id = answer.message.id || answer.message.key;
      document.title = `${visible(id, 60)} \u00b7 Pointsman`;
      heading.classList.add("small-heading");
      return draw(answer, keep(known, answer), more);
    },
  });
  const more = async () => {
    const next = await get(`messages/${encodeURIComponent(part)}`, { events_after: known.size }, signal);
    keep(known, next);
    if (!next.more) known.all = next.message.last_ms;
    again();
  };
}

// Every event that has come, each once. An answer has the first of them only, and an older one that comes late moves the others.
function keep(known, { raw }) {
  for (const event of raw) known.set(identity(event), event);
  return known;
}

// What tells an event from others, as the server has it: nothing that a repeat may say in another way.
function identity(event) {
  const { message_id, vendor_id, trace_id, span_id, recipient, facts: { kind, name, node, channel, status } } = event;
  return JSON.stringify(OF_VISIT.includes(kind) ? [kind, message_id, vendor_id, trace_id, span_id, recipient, name, node, channel, status] : event);
}

function draw(answer, known, more) {
  const { message, now_ms } = answer;
  return h("div", null,
    top(answer),
    ribbon(answer.statuses ?? [], message.status),
    message.conflicts?.length ? h("p", { class: "notice warn" }, t("message.conflicts"), " ",
      message.conflicts.map(({ from, to }) => h("span", { class: "step" }, data(word("status", from)), " \u2192 ", data(word("status", to)), " "))) : null,
    panel(t("message.way"), waterfall(answer.visits ?? [], now_ms), { aside: legend() }),
    h("div", { class: "columns" },
      panel(t("message.recipients"), recipients(answer.recipients ?? [])),
      answer.waits?.length ? panel(t("message.waits"), waits(answer.waits)) : null),
    panel(t("message.raw"), raw(answer, known, more)));
}

function top({ message, trace_link }) {
  const id = message.id || message.key;
  return h("div", { class: "card message-top" },
    h("div", { class: "message-name" },
      h("p", { class: "big mono" }, data(id, { most: 300 })), copy(id),
      chip("status", message.status, { strong: true }), h("span", null, marks(message)),
      trace_link ? h("a", { class: "button", href: trace_link, target: "_blank", rel: "noopener noreferrer" }, t("message.trace")) : null),
    facts([
      [t("col.result"), h("span", null, code(message))],
      [t("col.channel"), message.channel ? h("a", { href: link("channels", "", { channel: message.channel }) }, data(message.channel)) : data("")],
      [t("col.node"), data(message.node)],
      [t("col.business"), data(message.business)],
      [t("col.template"), data(message.template)],
      [t("col.tenant"), data(message.tenant)],
      [t("col.begun"), time(message.begun_ms, { millis: true })],
      [t("col.last"), h("span", null, time(message.last_ms, { millis: true }), h("span", { class: "note" }, ` +${length(message.last_ms - message.begun_ms)}`))],
    ]),
    facts([ids(t("message.vendor-ids"), message.vendor_ids), ids(t("message.traces"), message.trace_ids)]));
}

function ids(name, values) {
  if (!values?.length) return null;
  return [name, h("span", { class: "ids" }, values.slice(0, 20).map((value) => h("span", null, data(value, { mono: true, most: 80 }), copy(value))))];
}

// Statuses in the order in which they came, and those that may still come.
function ribbon(statuses, now) {
  const had = [...statuses].sort((a, b) => a.first_ms - b.first_ms);
  const furthest = Math.max(-1, ...had.map(({ status }) => USUAL.indexOf(status)));
  const open = now === "failed" ? [] : USUAL.slice(furthest + 1).filter((status) => !had.some((one) => one.status === status));
  const step = (one, index) => h("li", { class: `${one.status === "failed" ? "bad" : "good"}${one.status === now ? " now" : ""}`, "aria-current": one.status === now ? "step" : null },
    h("span", { class: "step-name" }, data(word("status", one.status), { most: 40 })),
    h("span", { class: "step-time" }, time(one.first_ms, { millis: true })),
    h("span", { class: "step-note" }, index ? `+${length(one.first_ms - had[index - 1].first_ms)}` : "", one.channel ? [" ", data(one.channel, { most: 40 })] : null));
  return h("ol", { class: "ribbon", "aria-label": t("message.statuses") }, had.map(step),
    open.map((status) => h("li", { class: "idle" }, h("span", { class: "step-name" }, word("status", status)), h("span", { class: "step-time" }, t("message.not-yet")))));
}

function legend() {
  return h("div", { class: "legend" }, h("span", { class: "edge propagated" }, t("edge.propagated")), h("span", { class: "edge inferred" }, t("edge.inferred")), h("span", { class: "limit-key" }, t("col.limit")));
}

function recipients(rows) {
  return table(t("message.recipients"), [
    { name: t("col.recipient"), cell: (row) => data(row.recipient, { mono: true, most: 40 }) },
    { name: t("col.status"), cell: (row) => chip("status", row.status) },
    { name: t("col.channel"), cell: (row) => data(row.channel, { most: 40 }) },
    { name: t("col.result"), class: "wide", cell: code },
    { name: t("col.last"), class: "nowrap", cell: (row) => time(row.last_ms) },
  ], rows, { empty: t("message.recipients.none") });
}

function waits(rows) {
  return table(t("message.waits"), [
    { name: t("waits.from"), cell: (row) => [data(row.from_node), h("span", { class: "note" }, data(row.from_service, { none: "" }))] },
    { name: t("waits.to"), cell: (row) => [data(row.to_node), h("span", { class: "note" }, data(row.to_service, { none: "" }))] },
    { name: t("waits.wait"), class: "number", cell: (row) => length(row.wait_ms) },
  ], rows);
}

function raw(answer, known, more) {
  const events = [...known].sort(([, a], [, b]) => a.at_ms - b.at_ms);
  const rows = events.map(([key, event]) => h("details", { class: "raw", "data-key": key, "data-keep": true, ontoggle: (change) => open(change.target, event) },
    h("summary", null, time(event.at_ms, { millis: true }), " ", h("b", null, word("event", event.facts?.kind ?? "")), " ",
      data([event.facts?.name, event.facts?.node, event.facts?.channel, event.facts?.status].filter(Boolean).join(" \u00b7 "), { most: 160 }))));
  // Those that have come since are behind the last.
  const missing = answer.more && known.all !== answer.message.last_ms;
  return h("div", null, h("p", { class: "hint" }, t("message.raw.n", { n: events.length })), rows,
    missing ? h("button", { type: "button", onclick: more }, t("message.raw.more")) : null);
}

// What is in a record is written out once somebody wants to see it: there may be thousands. It does not change.
function open(details, event) {
  if (details.querySelector("pre")) return;
  details.append(h("pre", { tabindex: 0 }, JSON.stringify(unpacked(event), null, 2).split("\n").map((line) => `${visible(line, 9_000)}\n`)));
}

// `rest` is JSON in a string.
function unpacked(event) {
  try {
    return { ...event, rest: JSON.parse(event.rest) };
  } catch {
    return event;
  }
}
