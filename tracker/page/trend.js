// How it goes: messages by when they began, and where they are now, in all and by channel.

import { get } from "./api.js";
import { chart } from "./chart.js";
import { data, fill, h, morph } from "./dom.js";
import { clock, count, share } from "./format.js";
import { live } from "./live.js";
import { figure, nothing, panel } from "./parts.js";
import { rangeBar, rangeOf } from "./range.js";
import { go, link } from "./route.js";
import { t, word } from "./text.js";

const POINTS = 60;
const EVERY_MS = 10_000;

export const title = () => t("trend.title");

// The view.
export function mount(main, { query }, { signal }) {
  const change = (more) => go(link("trend", "", { ...query, ...more }));
  const only = query.channel ? h("p", { class: "filter" }, t("trend.only"), " ", data(query.channel), " ",
    h("a", { href: link("trend", "", { ...query, channel: "" }) }, t("trend.all"))) : null;
  const body = h("div");
  main.append(h("div", { class: "toolbar" }, rangeBar(query, change), only, h("span", { class: "hint" }, t("trend.hint"))), body);
  const sheet = makeSheet(query, change, signal);
  live(body, {
    signal,
    rows: 8,
    every: rangeOf(query).moves ? EVERY_MS : 0,
    load: (own) => loadAll(query, own),
    draw: sheet,
  });
}

async function loadAll(query, signal) {
  const { from_ms, to_ms, moves } = rangeOf(query);
  const range = moves && !query.last ? {} : { from_ms, to_ms };
  const asked = { ...range, channel: query.channel, business: query.business };
  const [trend, funnel, history] = await Promise.all([
    get("trend", { ...asked, points: POINTS }, signal),
    get("funnel", { from_ms, to_ms, channel: query.channel, business: query.business }, signal),
    get("channels", {}, signal).catch(() => ({ channels: [] })),
  ]);
  return { trend, funnel, history };
}

const curves = () => [
  { key: "success", name: t("trend.success"), colour: "good", fill: true },
  { key: "failed", name: t("trend.failed"), colour: "bad", fill: true },
  { key: "pending", name: t("trend.pending"), colour: "wait", dash: [5, 4] },
];

// Charts are made once, and are given new data from then on.
function makeSheet(query, change, signal) {
  const figures = h("dl", { class: "figures" });
  const total = makeChart(t("trend.total"), 240, null);
  const funnel = h("div");
  const grid = h("div", { class: "small-charts" });
  const known = new Map();
  const root = h("div", null, figures,
    h("div", { class: "columns" },
      panel(t("trend.total"), total.node, { aside: legend() }), panel(t("funnel.title"), funnel)),
    panel(t("trend.channels"), grid));
  let shown = null;

  function makeChart(label, height, channel) {
    const open = ({ index, key }) => go(link("search", "", {
      from_ms: shown.at_ms[index], to_ms: shown.at_ms[index] + shown.step_ms,
      channel: channel ?? query.channel, business: query.business, status: key === "failed" ? "failed" : "",
    }));
    return chart({ label, height, curves: curves(), zoom: (range) => change({ last: "", ...range }), open, signal, small: channel !== null });
  }

  return ({ trend, funnel: stages, history }) => {
    shown = trend;
    morph(figures, h("dl", { class: "figures" }, figuresOf(trend.total)));
    total.update({ ...trend, values: trend.total, marks: marksOf(history, query.channel) });
    fill(funnel, drawFunnel(stages.stages ?? [], query));
    const names = Object.keys(trend.channels).sort((a, b) => sum(all(trend.channels[b])) - sum(all(trend.channels[a])));
    for (const [name, { node }] of known) if (!names.includes(name)) { node.remove(); known.delete(name); }
    for (const name of names) {
      if (!known.has(name)) {
        const made = makeChart(t("trend.of", { channel: name }), 120, name);
        const heading = h("h3");
        known.set(name, { ...made, heading, node: h("div", { class: "small-chart" }, heading, made.node) });
      }
      const one = known.get(name);
      fill(one.heading, channelHead(name, trend.channels[name], query));
      one.update({ ...trend, values: trend.channels[name], marks: marksOf(history, name) });
      if (!one.node.isConnected) grid.append(one.node);
    }
    grid.querySelector(".nothing")?.remove();
    if (!names.length) grid.append(nothing(t("trend.none")));
    return root;
  };
}

const sum = (values) => (values ?? []).reduce((a, b) => a + (b ?? 0), 0);
const all = ({ success, failed, pending }) => [...success, ...failed, ...pending];

function figuresOf(values) {
  const [success, failed, pending] = [sum(values.success), sum(values.failed), sum(values.pending)];
  const ended = success + failed;
  return [
    figure(t("trend.messages"), count(success + failed + pending)),
    figure(t("trend.ratio"), ended ? share(success / ended) : "\u2013", {}),
    figure(t("trend.success"), count(success), { tone: "good" }),
    figure(t("trend.failed"), count(failed), { tone: failed ? "bad" : "" }),
    figure(t("trend.pending"), count(pending), { tone: "wait" }),
  ];
}

function channelHead(name, values, query) {
  const [success, failed] = [sum(values.success), sum(values.failed)];
  return [
    h("a", { href: link("trend", "", { ...query, channel: name }) }, data(name, { most: 40 })),
    h("span", { class: "small-figures" }, count(sum(all(values))), " \u00b7 ",
      success + failed ? share(success / (success + failed)) : "\u2013",
      failed ? h("span", { class: "bad-text" }, ` \u00b7 ${t("trend.n-failed", { n: count(failed) })}`) : null),
  ];
}

function legend() {
  return h("div", { class: "legend", "aria-hidden": "true" }, curves().map(({ name, colour, dash }) => h("span", { class: `key ${colour}${dash ? " dashed" : ""}` }, name)));
}

// Switches and moves of breakers, as lines in the chart.
function marksOf({ channels = [] }, only) {
  return channels.filter(({ channel }) => !only || channel === only).flatMap(({ channel, history = [] }) => history.map((entry) => ({
    at_ms: entry.at_ms,
    text: `${clock(entry.at_ms)} ${channel}: ${word("what", entry.what)} ${word("state", entry.from ?? "")} \u2192 ${word("state", entry.to ?? "")}`,
  })));
}

function drawFunnel(stages, query) {
  const most = Math.max(1, ...stages.map(({ messages }) => messages));
  if (!stages.some(({ messages }) => messages)) return nothing(t("trend.none"));
  return h("table", { class: "funnel" }, h("caption", { class: "unseen" }, t("funnel.title")),
    h("thead", { class: "unseen" }, h("tr", null, ["col.status", "col.messages", "col.share"].map((key) => h("th", { scope: "col" }, t(key))))),
    h("tbody", null, stages.map((stage) => h("tr", null,
      h("th", { scope: "row" }, h("a", { href: link("search", "", { ...query, status: stage.status }) }, data(word("status", stage.status)))),
      h("td", { class: "bar-cell" }, h("span", { class: `bar ${stage.status === "failed" ? "bad" : "good"}`, css: { width: `${(stage.messages / most) * 100}%` } }), h("span", { class: "bar-text" }, count(stage.messages))),
      h("td", { class: "number" }, share(stage.share))))));
}
