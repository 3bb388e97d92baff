// Puts the page together: header, the view that the address names, and who is signed in.

import { get, remove, setCsrf } from "./api.js";
import { fill, h } from "./dom.js";
import { freshness, watch } from "./freshness.js";
import { problem } from "./live.js";
import { here, link } from "./route.js";
import { LANGUAGES, languageName, setLanguage, startLanguage, t, word } from "./text.js";
import * as blocked from "./blocked.js";
import * as channels from "./channels.js";
import * as find from "./find.js";
import * as message from "./message.js";
import * as nodes from "./nodes.js";
import * as patterns from "./patterns.js";
import * as search from "./search.js";
import * as signin from "./signin.js";
import * as trend from "./trend.js";

const VIEWS = { trend, search, nodes, channels, blocked, patterns, message, find, signin };
const NAVIGATION = ["trend", "search", "nodes", "channels", "blocked", "patterns"];
const page = { session: null, life: new AbortController(), view: null, main: null, nav: null };

async function start() {
  startLanguage();
  frame();
  addEventListener("popstate", () => show());
  addEventListener("keydown", shortcut);
  addEventListener("signed-out", () => {
    // Asked once: the answer names nobody, or what was refused has another reason.
    if (page.session?.name) signedIn();
  });
  watch();
  await signedIn();
}

// Asks who is signed in, and shows the view.
async function signedIn() {
  try {
    page.session = await get("session");
    setCsrf(page.session.csrf);
  } catch (error) {
    page.session = error.kind === "signin" ? { sign_in: true } : null;
    if (!page.session) {
      frame();
      fill(page.main, problem(error, signedIn));
      return;
    }
  }
  frame();
  show();
}

function frame() {
  const fresh = freshness();
  page.nav = h("nav", { "aria-label": t("nav") }, h("ul", null, NAVIGATION.map((name) => h("li", null, h("a", { href: link(name), id: `nav-${name}` }, t(`nav.${name}`))))));
  page.main = h("main", { id: "main", tabindex: -1 });
  const skip = (event) => { event.preventDefault(); page.main.focus(); };
  fill(document.body,
    h("a", { class: "skip", href: "#main", onclick: skip }, t("skip")),
    h("header", { class: "top" },
      h("div", { class: "top-row" },
        h("a", { class: "brand", href: link("trend") }, h("span", { class: "brand-mark", "aria-hidden": "true" }), "Pointsman"),
        searchBox(), fresh.line, languages(), account()),
      page.nav),
    fresh.banner, page.main);
}

function searchBox() {
  const input = h("input", {
    type: "search", id: "any-id", onfocus: () => input.select(), placeholder: t("find.placeholder"), "aria-label": t("find.label"), autocomplete: "off", spellcheck: "false", "aria-keyshortcuts": "/",
  });
  const submit = (event) => {
    event.preventDefault();
    if (input.value.trim()) find.goFind(input.value);
  };
  return h("form", { role: "search", class: "find", onsubmit: submit }, input, h("button", { type: "submit", class: "primary" }, t("find.go")));
}

function languages() {
  const select = h("select", { id: "language", "aria-label": t("language"), onchange: () => {
    setLanguage(select.value);
    frame();
    show();
    document.getElementById("language")?.focus();
  } }, Object.entries(LANGUAGES).map(([name, { name: own, tag }]) => h("option", { value: name, lang: tag, selected: name === languageName() }, own)));
  return select;
}

function account() {
  const { session } = page;
  if (!session?.name) return session?.sign_in ? h("a", { href: link("signin"), class: "account" }, t("signin.link")) : null;
  const who = h("span", { class: "account" }, h("bdi", null, session.name), h("span", { class: "role" }, word("role", session.role)));
  if (session.how === "session") {
    const leave = async () => { await remove("session").catch(() => {}); await signedIn(); };
    return [who, h("button", { type: "button", class: "small quiet", onclick: leave }, t("signout"))];
  }
  return [who, session.sign_in ? h("a", { href: link("signin") }, t("signin.link")) : null];
}

function show() {
  page.life.abort();
  page.life = new AbortController();
  let route = here();
  if (!VIEWS[route.view]) route = { view: "trend", part: "", query: {} };
  const denied = page.session && !page.session.name;
  const view = denied ? signin : VIEWS[route.view];
  const focused = document.activeElement?.id;
  const same = page.view === route.view + route.part;
  const heading = h("h1", { tabindex: -1, id: "heading" }, view.title(route));
  fill(page.main, heading);
  page.main.dataset.place = location.hash;
  document.title = `${view.title(route)} \u00b7 Pointsman`;
  for (const anchor of page.nav.querySelectorAll("a")) {
    if (anchor.id === `nav-${route.view}`) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  const life = { signal: page.life.signal, session: page.session ?? {}, signedIn, heading };
  view.mount(page.main, route, life);
  if (same) document.getElementById(focused)?.focus();
  else if (page.view !== null) {
    scrollTo(0, 0);
    heading.focus({ preventScroll: true });
  }
  page.view = route.view + route.part;
}

// `/` goes to the box that takes any id.
function shortcut(event) {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable], dialog");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  document.getElementById("any-id")?.focus();
}

start();
