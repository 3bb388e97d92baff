// What the page says, in the language of whoever reads. All texts stand in one table a language.

import { en } from "./words-en.js";
import { zh } from "./words-zh.js";

export const LANGUAGES = { en: { name: "English", words: en, tag: "en" }, zh: { name: "\u4e2d\u6587", words: zh, tag: "zh-CN" } };
const KEPT = "pointsman.language";
let language = "en";

// The language that was chosen last, else that of the browser.
export function startLanguage() {
  let kept = null;
  try {
    kept = localStorage.getItem(KEPT);
  } catch {
    // Nothing is kept where the browser allows nothing.
  }
  const wanted = kept ?? (navigator.languages ?? [navigator.language]).find((tag) => tag && LANGUAGES[tag.slice(0, 2)]);
  use(LANGUAGES[wanted?.slice(0, 2)] ? wanted.slice(0, 2) : "en");
}

// Chooses a language, and remembers it.
export function setLanguage(name) {
  use(name);
  try {
    localStorage.setItem(KEPT, name);
  } catch {
    // It holds until the page is closed.
  }
}

function use(name) {
  language = name;
  document.documentElement.lang = LANGUAGES[name].tag;
}

export const languageName = () => language;
export const languageTag = () => LANGUAGES[language].tag;

// The text under that key, with `{name}` taken from `values`.
export function t(key, values = {}) {
  const text = LANGUAGES[language].words[key] ?? en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

// The words of a group, such as all statuses that are built in.
export const names = (group) => Object.keys(en).filter((key) => key.startsWith(`${group}.`)).map((key) => key.slice(group.length + 1));

// The text for a word that may be none of ours, such as a status of the config's own: then the word itself.
export function word(group, name) {
  const key = `${group}.${name}`;
  return Object.hasOwn(LANGUAGES[language].words, key) ? LANGUAGES[language].words[key] : name;
}
