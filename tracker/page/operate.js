// The form for a switch, a drill or the way back: what, why and for how long; the change of the rules is shown before it is made.

import { get, post } from "./api.js";
import { dialog } from "./dialog.js";
import { data, fill, h, visible } from "./dom.js";
import { length } from "./format.js";
import { placeholder, problem } from "./live.js";
import { t } from "./text.js";

const KINDS = ["switch", "shed", "hold", "drill", "back", "end_drill"];
const ENDS = ["back", "end_drill"];
const LENGTHS = [10, 30, 60, 120, 240, 720, 1440];
const MOST_REASON = 256;

// Opens it. `done(entry)` is told of what has been asked for.
export function operate({ kind, channel, to = [], reason = "", signal, done }) {
  const state = { kind: KINDS.includes(kind) ? kind : "switch", to, reason, targets: [] };
  dialog(t("operate.title", { channel: visible(channel, 60) }), (close) => {
    const body = h("div", null, placeholder(4));
    get("operations/targets", {}, signal)
      .then(({ channels }) => {
        state.targets = channels.find((one) => one.channel === channel)?.to ?? [];
        fill(body, form(state, channel, (entry) => { close(); done(entry); }, close));
        body.querySelector("input, select")?.focus();
      })
      .catch((error) => fill(body, problem(error)));
    return body;
  }, signal);
}

function form(state, channel, done, close) {
  const [changing, shown] = [h("div", { class: "fields two" }), h("div", { "aria-live": "polite" })];
  const go = h("button", { type: "submit", class: "primary" }, t("operate.preview"));
  let previewed = null;
  const node = h("form", { class: "operate", onsubmit: submit, oninput: forget, onchange: forget },
    h("label", null, t("operate.kind"), h("select", { name: "kind", onchange: (event) => { state.kind = event.target.value; own(); } },
      KINDS.map((kind) => h("option", { value: kind, selected: kind === state.kind }, t(`kind.${kind}`))))),
    h("p", { class: "hint", id: "kind-note" }), changing, shown,
    h("div", { class: "actions" }, go, h("button", { type: "button", class: "quiet", onclick: close }, t("cancel"))));
  own();
  return node;

  function own() {
    node.querySelector("#kind-note").textContent = t(`kind.${state.kind}.why`);
    const reason = node.elements.reason?.value ?? state.reason;
    fill(changing, fieldsOf(state));
    node.elements.reason.value = reason;
  }

  // What has been looked at is not what would be done any more.
  function forget() {
    previewed = null;
    fill(shown);
    go.textContent = t("operate.preview");
  }

  async function submit(event) {
    event.preventDefault();
    const order = orderOf(node.elements, state, channel);
    go.disabled = true;
    try {
      if (previewed === JSON.stringify(order)) {
        done(await post("operations", order));
        return;
      }
      const { diff: change, wide, why_wide } = await post("operations/preview", order);
      previewed = JSON.stringify(order);
      fill(shown, wide ? h("p", { class: "notice warn" }, h("strong", null, t("operate.wide")), " ", data(why_wide, { most: 400, none: "" })) : null, diff(change));
      go.textContent = wide ? t("operate.ask") : t("operate.now");
    } catch (error) {
      fill(shown, problem(error));
    } finally {
      go.disabled = false;
    }
  }
}

function fieldsOf(state) {
  const { kind, targets } = state;
  const named = (name, input, note) => h("label", null, t(`operate.${name}`), input, note ? h("span", { class: "hint" }, note) : null);
  return [
    kind === "switch" ? targetChoice(targets, state.to) : null,
    kind === "shed" ? named("below_priority", h("input", { name: "below_priority", type: "number", min: 0, step: 1, placeholder: t("operate.all") })) : null,
    kind === "hold" ? named("state", h("select", { name: "state" }, ["degraded", "healthy"].map((name) => h("option", { value: name }, t(`state.${name}`))))) : null,
    kind === "drill" ? [
      named("share", h("input", { name: "share", type: "number", min: 0.1, max: 50, step: 0.1, value: 5, required: true })),
      named("fault", h("select", { name: "fault", onchange: needsValue }, ["refused", "status", "code", "delay"].map((name) => h("option", { value: name }, t(`fault.${name}`))))),
      named("value", h("input", { name: "value", placeholder: "503 / -1 / 2s", autocomplete: "off" }), t("operate.value.why"))] : null,
    ENDS.includes(kind) ? null : named("for", h("select", { name: "for" }, LENGTHS.map((minutes) => h("option", { value: `${minutes}m`, selected: minutes === 30 }, length(minutes * 60_000))))),
    h("label", { class: "whole" }, t("operate.reason"), h("input", { name: "reason", required: true, maxlength: MOST_REASON, autocomplete: "off", placeholder: t("operate.reason.hint") })),
  ];
}

// Being refused needs no more; a status has to be one.
function needsValue({ target: { value, form } }) {
  const input = form.elements.value;
  input.required = value !== "refused";
  input.pattern = value === "status" ? "[45][0-9]{2}" : ".*";
}

function targetChoice(targets, chosen) {
  if (!targets.length) return h("p", { class: "notice warn whole" }, t("operate.no-targets"));
  return h("label", null, t("operate.to"), h("select", { name: "to", required: true }, targets.map((target) => h("option", { value: target, selected: chosen.includes(target) }, visible(target, 60)))));
}

// The order as the server takes it.
function orderOf(fields, { kind, to: proposed }, channel) {
  const value = (name) => fields[name]?.value.trim() ?? "";
  const order = { kind, channel, reason: value("reason") };
  if (!ENDS.includes(kind)) order.for = value("for");
  if (kind === "switch") order.to = proposed.length > 1 && proposed[0] === value("to") ? proposed : [value("to")];
  if (kind === "shed" && value("below_priority")) order.below_priority = Number(value("below_priority"));
  if (kind === "hold") order.state = value("state");
  if (kind === "drill") Object.assign(order, { share: Number(value("share")) / 100, fault: faultOf(value("fault"), value("value")) });
  return order;
}

// What strikes the messages, as the config writes it.
const faultOf = (fault, value) => (fault === "refused" ? fault : { [fault]: fault === "status" ? Number(value) : value });

// A unified diff, each line in the colour of what it does.
export function diff(text) {
  if (!text) return h("p", { class: "hint" }, t("operate.same"));
  const tone = (line) => (/^(\+\+\+|---|@@)/.test(line) ? "meta" : line.startsWith("+") ? "good" : line.startsWith("-") ? "bad" : "");
  return h("pre", { class: "diff", tabindex: 0, "aria-label": t("operate.diff") }, text.split("\n").slice(0, 400).map((line) => h("span", { class: tone(line) }, visible(line, 2000), "\n")));
}
