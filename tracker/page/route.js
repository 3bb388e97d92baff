// Where in the page somebody is: `#/view/part?name=value`. Every view can be linked to, and the way back is the browser's.

// The view, the part of it (such as a message) and what else is asked.
export function here() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const [view = "", ...part] = path.split("/");
  return { view: view || "trend", part: decode(part.join("/")), query: Object.fromEntries(new URLSearchParams(query)) };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// Parameters as they stand in an address. Empty values are left out.
export function queryText(query) {
  const text = new URLSearchParams(Object.entries(query).filter(([, value]) => (value ?? "") !== "")).toString();
  return text ? `?${text}` : "";
}

// The link to a place.
export const link = (view, part = "", query = {}) => `#/${view}${part ? `/${encodeURIComponent(part)}` : ""}${queryText(query)}`;

// Goes there; with `replace` the way back skips where one is now.
export function go(target, { replace = false } = {}) {
  if (target === location.hash) dispatchEvent(new PopStateEvent("popstate"));
  else if (replace) location.replace(target);
  else location.hash = target;
}
