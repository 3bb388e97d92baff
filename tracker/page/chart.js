// A chart of some curves over time, by uPlot: brush to zoom, click or Enter for what is behind a point, arrows to walk, and a
// table for who sees no curves.

import { fill, h } from "./dom.js";
import { clock, count } from "./format.js";
import { table } from "./parts.js";
import { t } from "./text.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const FONT = "11px system-ui, sans-serif";

// `curves` are `{key, name, colour, fill, dash}`. `zoom({from_ms, to_ms})` and `open({index, key})` are called with what was
// chosen. Gives the node and `update({at_ms, step_ms, values: {key: [..]}, marks: [{at_ms, text}]})`.
export function chart({ label, height, curves, zoom, open, signal, small = false }) {
  const plot = h("div", { class: "plot", tabindex: 0, role: "group", "aria-label": label, "aria-roledescription": t("chart.role"), "aria-description": t("chart.keys") });
  const tip = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  const said = h("div", { class: "unseen", "aria-live": "polite" });
  const alternative = h("details", { class: "as-table" }, h("summary", null, t("chart.table")));
  const node = h("figure", { class: small ? "chart small" : "chart", "data-keep": true }, plot, tip, said, alternative);
  const state = { shown: { at_ms: [], step_ms: 0, values: {}, marks: [] }, anchor: null };
  const u = new uPlot(options(height, curves, small, state, { plot, tip, zoom }), columns(state.shown, curves), plot);

  new ResizeObserver(() => u.setSize({ width: Math.max(120, plot.clientWidth), height })).observe(plot);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => u.redraw(), { signal });
  signal.addEventListener("abort", () => u.destroy());
  clicks(u, open, state, curves);
  keys(plot, u, { state, curves, said, zoom, open });
  plot.addEventListener("blur", () => { tip.hidden = true; });
  alternative.addEventListener("toggle", () => asTable(alternative, label, state.shown, curves));

  function update(shown) {
    state.shown = shown;
    u.setData(columns(shown, curves));
    asTable(alternative, label, shown, curves);
  }
  return { node, update };
}

const columns = (shown, curves) => [shown.at_ms.map((ms) => ms / 1_000), ...curves.map(({ key }) => shown.values[key] ?? shown.at_ms.map(() => null))];

function options(height, curves, small, state, { plot, tip, zoom }) {
  const axis = { stroke: () => colour("muted"), font: FONT, grid: { stroke: () => colour("grid"), width: 1 }, ticks: { show: false } };
  return {
    width: 400,
    height,
    padding: [8, 24, 0, 0],
    legend: { show: false },
    scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] } },
    axes: [
      { ...axis, size: 26, space: small ? 90 : 70, values: (_, splits) => splits.map((s) => clock(s * 1_000, { seconds: s % 60 !== 0 })) },
      { ...axis, size: 46, space: 28, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 2e7, 5e7, 1e8], values: (_, splits) => splits.map(count) },
    ],
    cursor: { drag: { x: true, y: false, setScale: false, dist: 6 }, focus: { prox: 20 }, y: false, points: { size: 7 } },
    series: [{}, ...curves.map((curve) => ({
      stroke: () => colour(curve.colour),
      fill: curve.fill ? () => `${colour(curve.colour)}22` : undefined,
      width: small ? 1.5 : 2,
      dash: curve.dash,
      points: { show: false },
    }))],
    hooks: {
      draw: [(u) => drawMarks(u, state.shown.marks ?? [])],
      setCursor: [(u) => showTip(u, tip, plot, state.shown, curves)],
      setSelect: [(u) => {
        if (u.select.width < 6 || state.anchor !== null) return;
        zoom(between(u, state.shown, u.select.left, u.select.left + u.select.width));
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      }],
    },
  };
}

// Whole steps, at least one.
function between(u, { step_ms }, left, right) {
  const ms = (pixel) => u.posToVal(pixel, "x") * 1_000;
  const from_ms = Math.floor(ms(left) / step_ms) * step_ms;
  return { from_ms, to_ms: Math.max(Math.ceil(ms(right) / step_ms) * step_ms, from_ms + step_ms) };
}

function drawMarks(u, marks) {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.strokeStyle = colour("accent");
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const { at_ms } of marks) {
    const x = u.valToPos(at_ms / 1_000, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

function showTip(u, tip, plot, shown, curves) {
  const { idx, left } = u.cursor;
  tip.hidden = idx === null || idx === undefined || left < 0;
  if (tip.hidden) return;
  const near = (shown.marks ?? []).filter(({ at_ms }) => Math.abs(at_ms - shown.at_ms[idx]) <= shown.step_ms);
  fill(tip, h("strong", null, clock(shown.at_ms[idx])),
    curves.map(({ key, name, colour: tone }) => h("div", { class: `key ${tone}` }, `${name} `, h("b", null, count(shown.values[key]?.[idx])))),
    near.map(({ text }) => h("div", { class: "note" }, text)));
  const room = plot.clientWidth - tip.offsetWidth - 8;
  const x = u.over.offsetLeft + left;
  tip.style.left = `${Math.max(0, x + 14 > room ? x - tip.offsetWidth - 14 : x + 14)}px`;
}

function clicks(u, open, state, curves) {
  let began = 0;
  u.over.addEventListener("mousedown", (event) => { began = event.clientX; state.anchor = null; });
  u.over.addEventListener("click", (event) => {
    const { idx, top } = u.cursor;
    if (Math.abs(event.clientX - began) > 4 || idx === null || idx === undefined) return;
    const away = (series) => Math.abs(u.valToPos(u.data[series + 1][idx] ?? 0, "y") - top);
    const nearest = curves.map((_, series) => series).sort((a, b) => away(a) - away(b))[0];
    open({ index: idx, key: away(nearest) < 16 ? curves[nearest].key : null });
  });
}

function keys(plot, u, { state, curves, said, zoom, open }) {
  const left = (index) => u.valToPos(state.shown.at_ms[index] / 1_000, "x");
  let at = -1;
  plot.addEventListener("focus", () => { at = state.shown.at_ms.length; state.anchor = null; });
  plot.addEventListener("keydown", (event) => {
    const last = state.shown.at_ms.length - 1;
    const to = { ArrowLeft: Math.min(at, last + 1) - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
    if (to !== undefined && last >= 0) {
      event.preventDefault();
      state.anchor = event.shiftKey ? (state.anchor ?? Math.min(Math.max(at, 0), last)) : null;
      at = Math.min(Math.max(to, 0), last);
      u.setCursor({ left: left(at), top: 10 });
      const [a, b] = state.anchor === null ? [0, 0] : [left(Math.min(at, state.anchor)), left(Math.max(at, state.anchor))];
      u.setSelect({ left: a, width: b - a, top: 0, height: b > a ? u.over.clientHeight : 0 }, false);
      said.textContent = `${clock(state.shown.at_ms[at])}: ${curves.map(({ key, name }) => `${name} ${count(state.shown.values[key]?.[at])}`).join(", ")}`;
    } else if (event.key === "Enter" && at >= 0 && at <= last) {
      event.preventDefault();
      if (state.anchor !== null && state.anchor !== at) {
        const [a, b] = [Math.min(at, state.anchor), Math.max(at, state.anchor)];
        zoom({ from_ms: state.shown.at_ms[a], to_ms: state.shown.at_ms[b] + state.shown.step_ms });
      } else open({ index: at, key: null });
    }
  });
}

function asTable(place, label, shown, curves) {
  if (!place.open) return;
  const columns = [
    { name: t("col.time"), cell: (index) => clock(shown.at_ms[index]) },
    ...curves.map(({ key, name }) => ({ name, class: "number", cell: (index) => count(shown.values[key]?.[index]) })),
  ];
  fill(place, h("summary", null, t("chart.table")), table(label, columns, shown.at_ms.map((_, index) => index)));
}
