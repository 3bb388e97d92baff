// What has been done by hand: what waits for a second person, and the log of everything.

import { post } from "./api.js";
import { dialog } from "./dialog.js";
import { data, fill, h } from "./dom.js";
import { count, length, time } from "./format.js";
import { problem } from "./live.js";
import { diff } from "./operate.js";
import { chip, panel, table } from "./parts.js";
import { t } from "./text.js";

// Orders that wait, and proposals that nobody has taken up. Who has asked can take the request back, and cannot agree to it.
export function waiting(entries, may, tell, signal) {
  const open = entries.filter(({ step }) => step === "waiting");
  if (!open.length) return null;
  return panel(t("approvals.title"), h("ul", { class: "approvals" }, open.map((entry) => h("li", { class: "card", "data-key": entry.id },
    h("p", null, h("strong", null, what(entry)), " ", time(entry.at_ms)),
    h("p", null, data(entry.by, { most: 80 }), ": ", data(entry.reason, { most: 256 })),
    h("p", { class: "hint" }, entry.why_wide ? [data(entry.why_wide, { most: 400 }), " "] : null, entry.expires_ms ? [t("until"), " ", time(entry.expires_ms)] : null),
    (entry.proposed ? may.operate : may.approve && !own(entry, may))
      ? h("div", { class: "actions" },
        h("button", { type: "button", class: "primary small", onclick: () => decide(entry, "approve", tell, signal) }, t("approve")),
        h("button", { type: "button", class: "small", onclick: () => decide(entry, "reject", tell, signal) }, t("reject")))
      : h("p", { class: "hint" }, own(entry, may) ? t("approvals.own") : t(entry.proposed ? "approvals.proposed" : "approvals.not"), " ",
        own(entry, may) ? h("button", { type: "button", class: "small", onclick: () => decide(entry, "reject", tell, signal) }, t("approvals.back")) : null)))));
}

// A proposal is nobody's own, whatever it comes from is called.
const own = (entry, may) => !entry.proposed && entry.by === may.name;

function decide(entry, decision, tell, signal) {
  dialog(t(`${decision}.title`), (close) => {
    const said = h("div");
    const reason = h("input", { name: "reason", required: true, maxlength: 256, autocomplete: "off" });
    const submit = async (event) => {
      event.preventDefault();
      try {
        await post(`operations/${encodeURIComponent(entry.id)}/${decision}`, decision === "reject" ? { reason: reason.value.trim() } : {});
        close();
        tell(`${decision}.done`);
      } catch (error) {
        fill(said, problem(error));
      }
    };
    return h("form", { class: "operate", onsubmit: submit },
      h("p", null, h("strong", null, what(entry)), " ", data(entry.by, { most: 80 }), ": ", data(entry.reason, { most: 256 })),
      diff(entry.diff), decision === "reject" ? h("label", null, t("operate.reason"), reason) : null, said,
      h("div", { class: "actions" }, h("button", { type: "submit", class: "primary" }, t(decision)), h("button", { type: "button", class: "quiet", onclick: close }, t("cancel"))));
  }, signal);
}

// The log.
export function operationsLog(entries) {
  return table(t("log.title"), [
    { name: t("col.time"), class: "nowrap", cell: (row) => time(row.at_ms) },
    { name: t("log.what"), class: "wide", cell: (row) => [what(row), row.diff ? h("details", null, h("summary", null, t("operate.diff")), diff(row.diff)) : null] },
    { name: t("log.who"), cell: (row) => [data(row.by, { most: 80 }), row.approved_by ? h("span", { class: "note" }, t("log.with"), " ", data(row.approved_by, { most: 80 })) : null,
      row.refused_by ? h("span", { class: "note" }, t("step.refused"), ": ", data(row.refused_by, { most: 80 })) : null] },
    { name: t("operate.reason"), class: "wide", cell: (row) => data(row.reason, { most: 256 }) },
    { name: t("log.step"), cell: (row) => [chip("step", row.step), row.error ? h("span", { class: "meaning bad-text" }, data(row.error, { most: 300 })) : null] },
    { name: t("log.force"), cell: force },
  ], entries, { key: (row) => row.id, empty: t("log.none") });
}

function what(entry) {
  const to = [entry.to ?? []].flat();
  return h("span", null, t(`kind.${entry.kind}`), " ", data(entry.channel, { most: 60 }), to.length ? [" \u2192 ", data(to.join(", "), { most: 120 })] : null,
    entry.for_s ? h("span", { class: "note-inline" }, ` ${t("log.for", { length: length(entry.for_s * 1_000) })}`) : null);
}

function force({ step, in_force: state }) {
  if (step !== "done" || !state) return h("span", { class: "none" }, "\u2013");
  if (!state.known) return h("span", { class: "hint" }, t("force.unknown"));
  const all = state.with + state.behind;
  return h("span", { class: state.behind ? "warn-text" : "good-text" }, t(state.behind ? "force.behind" : "force.all", { with: count(state.with), all: count(all), behind: count(state.behind) }));
}
