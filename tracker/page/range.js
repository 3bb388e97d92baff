// The stretch of time that is looked at: the last so long, which moves on, or from a time to another, which stands.

import { serverNow } from "./api.js";
import { h } from "./dom.js";
import { fromInput, toInput } from "./format.js";
import { t } from "./text.js";

const LASTS = { "15m": 900_000, "1h": 3_600_000, "6h": 21_600_000, "24h": 86_400_000, "7d": 604_800_000 };

// What is asked for in a link: `{from_ms, to_ms, moves}`.
export function rangeOf(query, fallback = "1h") {
  const [from, to] = [Number(query.from_ms), Number(query.to_ms)];
  if (query.from_ms && query.to_ms && from < to) return { from_ms: from, to_ms: to, moves: false };
  const now = Math.ceil(serverNow());
  return { from_ms: now - LASTS[lastOf(query, fallback)], to_ms: now + 1, moves: true };
}

const lastOf = (query, fallback) => (query.last in LASTS ? query.last : fallback);

// Buttons for it. `go(query)` is given what the link has to say.
export function rangeBar(query, go, fallback = "1h") {
  const fixed = Boolean(query.from_ms && query.to_ms);
  const chosen = fixed ? null : lastOf(query, fallback);
  const buttons = Object.keys(LASTS).map((last) => h("button", {
    type: "button", "aria-pressed": String(last === chosen), id: `last-${last}`,
    onclick: () => go({ last: last === fallback ? "" : last, from_ms: "", to_ms: "" }),
  }, t(`last.${last}`)));
  return h("div", { class: "range" },
    h("div", { class: "segments", role: "group", "aria-label": t("range") }, buttons),
    fields(query, go, fixed, fallback));
}

function fields(query, go, fixed, fallback) {
  const { from_ms, to_ms } = rangeOf(query, fallback);
  const from = h("input", { type: "datetime-local", step: 1, id: "range-from", required: true, value: toInput(from_ms) });
  const to = h("input", { type: "datetime-local", step: 1, id: "range-to", required: true, value: toInput(to_ms) });
  const submit = (event) => {
    event.preventDefault();
    const [start, end] = [fromInput(from.value), fromInput(to.value)];
    to.setCustomValidity(start < end ? "" : t("range.order"));
    if (to.reportValidity()) go({ last: "", from_ms: start, to_ms: end });
  };
  return h("details", { class: "popover" },
    h("summary", { class: fixed ? "on" : "", id: "range-custom" }, fixed ? `${toInput(from_ms).replace("T", " ")} \u2013 ${toInput(to_ms).replace("T", " ")}` : t("range.own")),
    h("form", { class: "popover-body", onsubmit: submit, oninput: () => to.setCustomValidity("") },
      h("label", null, t("range.from"), from), h("label", null, t("range.to"), to),
      h("button", { type: "submit", class: "primary" }, t("range.show"))));
}
