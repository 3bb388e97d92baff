// The form for messages of which more is known than an id, and what it finds, page by page.
// A recipient in plain stands in no address: it goes in the body of the question, and the history of the browser keeps it
// beside the address. A hash may stand there.

import { address, get, post } from "./api.js";
import { h } from "./dom.js";
import { live } from "./live.js";
import { messages, nothing } from "./parts.js";
import { rangeBar, rangeOf } from "./range.js";
import { link } from "./route.js";
import { names, t, word } from "./text.js";

const FIRST = ["recipient", "status", "template", "channel", "node", "business", "code"];
const MORE = ["outcome", "event_status", "service", "tenant", "text"];
const MARKS = ["drill", "switched", "doubled"];
const TRUTHS = [...MARKS, "on_time"];
const FIELDS = [...FIRST, ...MORE, ...TRUTHS];
const PAGE = 50;
const HASH = /^[0-9a-f]{32}$/;

export const title = () => t("search.title");

// The view.
export function mount(main, { query }, { signal }) {
  if (query.recipient && !HASH.test(query.recipient)) {
    const { recipient, ...rest } = query;
    goSearch(rest, recipient, "replaceState");
    return;
  }
  // What belongs to this place in the history.
  const plain = query.recipient ? "" : history.state?.recipient;
  const range = (more) => goSearch({ ...query, cursor: "", ...more }, plain);
  const body = h("div", { class: "results" });
  main.append(form(query, plain), h("div", { class: "toolbar" }, rangeBar(query, range), plain ? h("p", { class: "hint" }, t("search.csv.no")) : csv(query)), body);
  live(body, {
    signal,
    rows: 10,
    load: (own) => search({ ...asked(query), recipient: plain || query.recipient }, own),
    draw: (page) => draw(page, query, plain),
  });
}

// Goes to a search. Of a recipient only a hash may stand in the address.
function goSearch(query, recipient, how = "pushState") {
  const plain = recipient && !HASH.test(recipient);
  history[how](plain ? { recipient } : null, "", link("search", "", plain || !recipient ? query : { ...query, recipient }));
  dispatchEvent(new PopStateEvent("popstate"));
}

async function search(question, signal) {
  if (!question.recipient) return get("search", question, signal);
  try {
    // In JSON a truth is no text.
    const told = Object.entries(question).filter(([, value]) => value);
    return await post("search", Object.fromEntries(told.map(([name, value]) => [name, TRUTHS.includes(name) ? value === "true" : value])), signal);
  } catch (error) {
    // An older server takes no search in a body.
    if (![404, 405].includes(error.status)) throw error;
    return get("search", question, signal);
  }
}

function asked(query) {
  const { from_ms, to_ms } = rangeOf(query);
  return { from_ms, to_ms, ...Object.fromEntries(FIELDS.map((name) => [name, query[name]])), cursor: query.cursor, limit: PAGE };
}

function csv(query) {
  const { cursor, limit, ...rest } = asked(query);
  return h("a", { class: "button", href: address("search.csv", rest), download: "messages.csv" }, t("search.csv"));
}

function form(query, plain) {
  const submit = (event) => {
    event.preventDefault();
    const { recipient, ...told } = Object.fromEntries([...new FormData(event.target)].map(([name, value]) => [name, value.trim()]));
    const { last, from_ms, to_ms } = query;
    goSearch({ last, from_ms, to_ms, ...told }, recipient);
  };
  const clear = (event) => { event.preventDefault(); goSearch({}); };
  const used = [...MORE, ...TRUTHS].some((name) => query[name]);
  return h("form", { class: "card search-form", onsubmit: submit },
    h("div", { class: "fields" }, FIRST.map((name) => field(name, plain ? { ...query, recipient: plain } : query))),
    h("details", { class: "more", open: used }, h("summary", null, t("search.more")),
      h("div", { class: "fields" }, MORE.map((name) => field(name, query)), choice("on_time", query, [["true", t("yes")], ["false", t("no")]]),
        h("fieldset", { class: "checks" }, h("legend", { class: "unseen" }, t("col.marks")), MARKS.map((name) => check(name, query))))),
    h("div", { class: "actions" }, h("button", { type: "submit", class: "primary" }, t("search.go")), h("a", { class: "button quiet", href: link("search"), onclick: plain ? clear : null }, t("search.clear"))));
}

function field(name, query) {
  if (name === "status" || name === "event_status") return suggest(name, query, names("status"));
  if (name === "outcome") return choice(name, query, names("outcome").map((outcome) => [outcome, word("outcome", outcome)]));
  return h("label", null, t(`field.${name}`), h("input", { name, id: `field-${name}`, value: query[name] ?? "", autocomplete: "off", spellcheck: "false", placeholder: name === "recipient" ? t("field.recipient.hint") : null }));
}

// Those that are known, and any other: a config may have statuses of its own.
function suggest(name, query, known) {
  return h("label", null, t(`field.${name}`),
    h("input", { name, id: `field-${name}`, value: query[name] ?? "", list: `list-${name}`, autocomplete: "off", spellcheck: "false" }),
    h("datalist", { id: `list-${name}` }, known.map((value) => h("option", { value }, word("status", value)))));
}

function choice(name, query, options) {
  return h("label", null, t(`field.${name}`), h("select", { name, id: `field-${name}` },
    h("option", { value: "" }, t("any")),
    options.map(([value, text]) => h("option", { value, selected: value === query[name] }, text))));
}

function check(name, query) {
  return h("label", { class: "check" }, h("input", { type: "checkbox", name, value: "true", id: `field-${name}`, checked: query[name] === "true" }), t(`field.${name}`));
}

function draw({ messages: found, next }, query, plain) {
  const pages = h("nav", { class: "pages", "aria-label": t("pages") },
    query.cursor ? turn("first", "", query, plain) : null,
    h("span", { role: "status" }, found.length ? t("search.n", { n: found.length }) : ""),
    next ? turn("next", next, query, plain) : null);
  if (!found.length) return h("div", null, nothing(next ? t("search.more-behind") : t("search.none"), next ? null : h("p", { class: "hint" }, t("search.none.hint"))), pages);
  return h("div", null, messages(t("search.results"), found), pages);
}

// To another page: a link, but where the address does not say all.
function turn(name, cursor, query, plain) {
  const there = { ...query, cursor };
  if (plain) return h("button", { type: "button", id: `page-${name}`, onclick: () => goSearch(there, plain) }, t(`pages.${name}`));
  return h("a", { class: "button", id: `page-${name}`, href: link("search", "", there) }, t(`pages.${name}`));
}
