// The channels: how they are, how they do, what has happened to them; and, for who may, switching them.

import { get } from "./api.js";
import { data, fill, h, morph } from "./dom.js";
import { count, length, share, time } from "./format.js";
import { live } from "./live.js";
import { operate } from "./operate.js";
import { operationsLog, waiting } from "./oplog.js";
import { chip, facts, nothing, panel, tone } from "./parts.js";
import { go, link } from "./route.js";
import { t, word } from "./text.js";

const EVERY_MS = 10_000;
const SHOWN = 8;

export const title = () => t("channels.title");

// The view.
export function mount(main, { query }, { signal, session }) {
  const may = { operate: session.operations && session.role !== "viewer", approve: session.operations && session.role === "approver", name: session.name };
  const [approvals, body, log, said] = [h("div"), h("div"), h("div"), h("div", { role: "status", "aria-live": "polite" })];
  main.append(said, approvals, body);
  const ask = (kind, channel, more = {}) => operate({ kind, channel, ...more, signal, done: (entry) => {
    fill(said, h("p", { class: `notice ${entry.step === "done" ? "good" : "warn"}` }, t(["done", "waiting"].includes(entry.step) ? `operated.${entry.step}` : "operated.failed", { channel })));
    again();
  } });
  const reload = [live(body, { signal, rows: 8, every: EVERY_MS, load: (own) => get("channels", {}, own), draw: ({ channels, now_ms }) => draw(channels, now_ms, query, may, ask) })];
  const again = () => reload.forEach((turn) => turn());
  if (session.operations) {
    const tell = (key) => { fill(said, h("p", { class: "notice good" }, t(key))); again(); };
    main.append(panel(t("log.title"), log));
    reload.push(live(log, { signal, every: EVERY_MS, load: (own) => get("operations", { limit: 50 }, own), draw: ({ entries }) => {
      morph(approvals, h("div", null, waiting(entries, may, tell, signal)));
      return operationsLog(entries);
    } }));
  }
  if (query.propose && may.operate) {
    go(link("channels", "", { channel: query.channel }), { replace: true });
    ask(query.propose, query.channel, { to: query.to?.split(","), reason: query.reason });
  }
}

function draw(channels, now_ms, query, may, ask) {
  if (!channels.length) return nothing(t("channels.none"));
  const shown = channels.filter(({ channel }) => !query.channel || channel === query.channel);
  return h("div", null,
    query.channel ? h("p", { class: "filter" }, t("channels.only"), " ", data(query.channel), " ", h("a", { href: link("channels") }, t("channels.all"))) : null,
    h("div", { class: query.channel ? "cards one" : "cards" }, shown.map((channel) => card(channel, now_ms, may, ask, Boolean(query.channel)))));
}

function card(row, now_ms, may, ask, open) {
  const { quality = {}, rule } = row;
  return h("article", { class: `card channel ${tone(row.state)}`, "data-key": row.channel, "aria-label": row.channel },
    h("header", null, h("h2", null, h("a", { href: link("channels", "", { channel: row.channel }) }, data(row.channel, { most: 60 }))), chip("state", row.state, { strong: true }),
      h("span", { class: "note-inline" }, row.reason ? data(word("reason", row.reason)) : null, row.since_ms ? [" ", t("channels.since", { age: length(Math.max(0, now_ms - row.since_ms)) })] : null)),
    rule ? inForce(rule) : null,
    facts([
      [t("col.messages"), count(quality.messages)],
      [t("channels.success"), h("span", { class: quality.success_ratio < 0.95 ? "bad-text" : "" }, share(quality.success_ratio))],
      ["p99", length(quality.p99_ms)],
    ]),
    codes(quality.codes ?? [], row.channel),
    history(row.history ?? [], open),
    may.operate ? buttons(row, ask) : null);
}

function inForce(rule) {
  return h("div", { class: "rule warn" }, h("strong", null, word("rule", rule.kind)), " ", data(rule.name, { mono: true, most: 60 }),
    h("p", null, rule.reason ? [data(rule.reason, { most: 256 }), " "] : null,
      h("span", { class: "note-inline" }, rule.by ? [t("by"), " ", data(rule.by, { most: 80 }), " "] : null, rule.until_ms ? [t("until"), " ", time(rule.until_ms)] : null)));
}

function codes(rows, channel) {
  if (!rows.length) return null;
  const most = Math.max(...rows.map(({ n }) => n));
  return h("ul", { class: "codes", "aria-label": t("channels.codes") }, rows.slice(0, 5).map((row) => h("li", null,
    h("a", { class: "mono", href: link("search", "", { channel, code: row.code }) }, data(row.code, { most: 30 })),
    h("span", { class: "meaning" }, data(row.meaning, { most: 120, none: "" })),
    h("span", { class: "code-bar", css: { width: `${(row.n / most) * 4}rem` } }), h("span", { class: "number" }, count(row.n)))));
}

function history(entries, open) {
  if (!entries.length) return h("p", { class: "hint" }, t("channels.quiet"));
  const rows = open ? entries : entries.slice(0, SHOWN);
  return h("details", { class: "history", open: open || null }, h("summary", null, t("channels.history", { n: entries.length })),
    h("ol", null, rows.map((entry) => h("li", null, time(entry.at_ms), " ",
      h("span", null, h("b", null, word("what", entry.what)), " ", entry.name ? [data(entry.name, { mono: true, most: 60 }), " "] : null,
        data(word(entry.what === "rule" ? "rule" : "state", entry.from ?? ""), { none: "" }), entry.from ? " \u2192 " : "", data(word("state", entry.to ?? ""), { none: "" }),
        h("span", { class: "note-inline" }, entry.reason ? [" ", data(word("reason", entry.reason), { most: 200 })] : null, entry.by ? [" ", t("by"), " ", data(entry.by, { most: 80 })] : null))))));
}

function buttons({ channel, rule }, ask) {
  const name = (key) => ({ "aria-label": `${t(key)}: ${channel}`, type: "button", class: "small" });
  return h("div", { class: "actions" },
    h("button", { ...name("operate.switch.go"), "data-key": "switch", onclick: () => ask("switch", channel) }, t("operate.switch.go")),
    h("button", { ...name("operate.drill.go"), "data-key": "drill", onclick: () => ask("drill", channel) }, t("operate.drill.go")),
    rule?.kind === "force" ? h("button", { ...name("operate.back.go"), "data-key": "back", onclick: () => ask("back", channel) }, t("operate.back.go")) : null,
    rule?.kind === "drill" ? h("button", { ...name("operate.end.go"), "data-key": "end", onclick: () => ask("end_drill", channel) }, t("operate.end.go")) : null);
}
