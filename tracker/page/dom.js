// Makes and updates nodes. Nothing else in the page does, and no markup is ever parsed: what comes from outside becomes text.

const SVG = "http://www.w3.org/2000/svg";
const DIRECT = new Set(["value", "checked", "selected", "disabled", "open", "hidden", "indeterminate"]);

// A node: `h("a", {href, class, css: {left: "3%"}, onclick}, "text", node, [more])`. `null` and `false` are left out.
export function h(tag, props, ...children) {
  const node = tag.startsWith("svg:")
    ? document.createElementNS(SVG, tag.slice(4))
    : document.createElement(tag);
  append(node, children);
  for (const [name, value] of Object.entries(props ?? {})) set(node, name, value);
  return node;
}

function append(node, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(node, child);
    else node.append(child);
  }
}

function set(node, name, value) {
  if (value === null || value === undefined) return;
  if (name.startsWith("on")) listen(node, name.slice(2), value);
  else if (name === "css") for (const [key, text] of Object.entries(value)) node.style.setProperty(key, text);
  else if (DIRECT.has(name)) node[name] = value;
  else if (value === false) return;
  else if (name === "href" || name === "src") {
    if (safeLink(value)) node.setAttribute(name, value);
  } else node.setAttribute(name, value === true ? "" : value);
}

// A link within the page or to a web server; never `javascript:` or the like.
export function safeLink(link) {
  try {
    const url = new URL(link, location.href);
    return url.protocol === "https:" || url.protocol === "http:";
  } catch {
    return false;
  }
}

// Handlers hang on the node, so that an update can exchange them without a new listener.
function listen(node, type, handler) {
  node.handlers ??= {};
  if (!(type in node.handlers)) node.addEventListener(type, (event) => node.handlers[type]?.call(node, event));
  node.handlers[type] = handler;
}

// Puts children in the place of those that are there.
export function fill(node, ...children) {
  node.replaceChildren();
  append(node, children);
  return node;
}

// Makes `from` look like `to` with as few changes as can be, so that focus, selection and scrolling stay where they are.
// Children with `data-key` are told apart by it; what has `data-keep` looks after itself.
export function morph(from, to) {
  if (from.nodeName !== to.nodeName || from.dataset?.key !== to.dataset?.key) {
    from.replaceWith(to);
    return to;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.data !== to.data) from.data = to.data;
    return from;
  }
  if (from.dataset?.keep !== undefined) return from;
  attributes(from, to);
  for (const [type, handler] of Object.entries(to.handlers ?? {})) listen(from, type, handler);
  for (const type of Object.keys(from.handlers ?? {})) {
    if (!to.handlers?.[type]) from.handlers[type] = undefined;
  }
  children(from, to);
  return from;
}

function attributes(from, to) {
  for (const { name } of [...from.attributes]) {
    // What somebody has opened stays open; a style can only be set by script here.
    if (!to.hasAttribute(name) && name !== "open" && name !== "style") from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (name !== "style" && from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  if (from.style.cssText !== to.style.cssText) from.style.cssText = to.style.cssText;
  if ("disabled" in to) from.disabled = to.disabled;
}

function children(from, to) {
  const keyed = new Map();
  for (const child of from.childNodes) if (child.dataset?.key !== undefined) keyed.set(child.dataset.key, child);
  let at = from.firstChild;
  for (const next of [...to.childNodes]) {
    const key = next.dataset?.key;
    const known = key === undefined ? (at && at.dataset?.key === undefined ? at : null) : keyed.get(key);
    if (!known) {
      from.insertBefore(next, at);
      continue;
    }
    if (known === at) at = at.nextSibling;
    else from.insertBefore(known, at);
    morph(known, next);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

// What somebody outside wrote, safe to look at: signs that nobody sees, or that turn text around, are shown by number.
export function visible(text, most = 400) {
  const cut = String(text).slice(0, most);
  const shown = cut.replace(HIDDEN, (sign) => `\u27e8${sign.charCodeAt(0).toString(16).padStart(4, "0")}\u27e9`);
  return cut.length < String(text).length ? `${shown}\u2026` : shown;
}

// The same as a node of its own direction, with the whole of a long text on hover.
export function data(text, { most = 120, mono = false, none = "\u2013" } = {}) {
  if (text === null || text === undefined || text === "") return h("span", { class: "none" }, none);
  const whole = String(text);
  const classes = [mono && "mono", whole.length > 32 && "long"].filter(Boolean).join(" ");
  return h("bdi", { class: classes || null, title: whole.length > most ? visible(whole, 2000) : null }, visible(whole, most));
}
