// A question in a window of its own. Escape closes it, and the keyboard comes back to where it was.

import { h } from "./dom.js";
import { t } from "./text.js";

// Opens it with a form; gives the dialog and a function that closes it.
export function dialog(title, build, signal) {
  const before = document.activeElement;
  const heading = h("h2", { id: "dialog-title" }, title);
  const node = h("dialog", { "aria-labelledby": "dialog-title" });
  const close = () => node.close();
  node.append(h("header", null, heading, h("button", { type: "button", class: "small quiet", "aria-label": t("close"), onclick: close }, "\u2715")), build(close));
  node.addEventListener("close", () => {
    node.remove();
    if (before?.isConnected) before.focus();
  });
  signal?.addEventListener("abort", close);
  document.body.append(node);
  node.showModal();
  node.querySelector("input, select, textarea")?.focus();
  return node;
}
