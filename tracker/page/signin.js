// Signing in with a token. It goes to the server once, and is kept nowhere here: the browser gets a cookie that scripts cannot read.

import { post } from "./api.js";
import { fill, h } from "./dom.js";
import { problem } from "./live.js";
import { go, here, link } from "./route.js";
import { t } from "./text.js";

export const title = () => t("signin.title");

// The view.
export function mount(main, _route, { signedIn }) {
  const token = h("input", { type: "password", id: "token", required: true, autocomplete: "off", spellcheck: "false", "aria-describedby": "token-note" });
  const said = h("div");
  const submit = async (event) => {
    event.preventDefault();
    fill(said);
    try {
      await post("session", { token: token.value.trim() });
    } catch (error) {
      token.value = "";
      token.focus();
      fill(said, error.kind === "signin" || error.kind === "forbidden" ? h("div", { class: "notice bad", role: "alert" }, t("signin.wrong")) : problem(error));
      return;
    }
    if (here().view === "signin") go(link("trend"), { replace: true });
    await signedIn();
  };
  main.append(h("form", { class: "card signin", onsubmit: submit },
    h("label", { for: "token" }, t("signin.token")), token,
    h("p", { id: "token-note", class: "hint" }, t("signin.note")), said,
    h("button", { type: "submit", class: "primary" }, t("signin.go"))));
}
