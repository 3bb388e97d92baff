// Whatever somebody types in the box, also several ids at once: one message is shown at once, of more one can be chosen.
// What is typed may be somebody's phone number, so it stands in no address: it goes in the body of the question, and the
// history of the browser keeps it beside the address.

import { post } from "./api.js";
import { data, h } from "./dom.js";
import { live } from "./live.js";
import { messages, nothing, panel } from "./parts.js";
import { go, link } from "./route.js";
import { t } from "./text.js";

// Of one id the server tells no more messages at once.
const MOST_OF_ID = 20;
const MOST_IDS = 200;

export const title = () => t("find.title");

// Goes to what was typed.
export function goFind(text) {
  history.pushState({ find: text }, "", link("find"));
  dispatchEvent(new PopStateEvent("popstate"));
}

// The view. Others may link to it with `?id=`.
export function mount(main, { query }, { signal }) {
  const text = (query.id ?? history.state?.find ?? "").trim();
  const body = h("div");
  main.append(body);
  if (!text) {
    body.append(nothing(t("find.none.hint")));
    return;
  }
  const box = document.getElementById("any-id");
  if (box) box.value = text;
  // An id may have blanks in it; several have blanks or commas between.
  const pieces = text.split(/[\s,;]+/).filter(Boolean).slice(0, MOST_IDS);
  const ids = pieces.length > 1 ? [text, ...pieces] : [text];
  live(body, { signal, load: (own) => post("lookup", { ids }, own), draw: ({ found, missing }) => draw(found, missing, text) });
}

function draw(found, missing, text) {
  const all = new Map(found.flatMap(({ messages: some }) => some.map((brief) => [brief.key, brief])));
  if (all.size === 1) go(link("message", [...all.keys()][0]), { replace: true });
  if (!all.size) return nothing(h("span", null, t("find.none"), " ", data(text, { mono: true })), h("p", null, t("find.none.hint")));
  const lost = missing.filter((id) => id !== text);
  const more = found.some(({ messages: some }) => some.length >= MOST_OF_ID);
  return h("div", null,
    h("p", { role: "status", class: "filter" }, t("find.several", { n: all.size }), " ", more ? t("find.more") : ""),
    messages(t("find.title"), [...all.values()]),
    lost.length ? panel(t("find.missing"), h("p", null, lost.map((id) => [data(id, { mono: true }), " "]))) : null);
}
