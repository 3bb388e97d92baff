// Asks the server. Every answer says how fresh it is, and whoever wants to know is told.

import { queryText } from "./route.js";

const BASE = "api/v1/";
const PATIENCE_MS = 20_000;

// Why there is no answer. `kind`: `down` (nobody there, or not able), `signin`, `forbidden`, `refused` (with a reason).
export class Failure extends Error {
  constructor(kind, { status = 0, code = "", message = "", hint = "" } = {}) {
    super(message || kind);
    Object.assign(this, { kind, status, code, hint });
  }
}

let csrf = null;
let skew = 0;
const listeners = new Set();

// The token that a change needs, as the session tells it.
export function setCsrf(token) {
  csrf = token;
}

// The server's clock.
export const serverNow = () => Date.now() + skew;

// `listener({ok, now_ms, newest_ms})` after each answer, or `{ok: false}` where nobody answers.
export const onAnswer = (listener) => listeners.add(listener);

// The address of a question.
export const address = (path, query = {}) => BASE + path + queryText(query);

export const get = (path, query, signal) => ask("GET", address(path, query), undefined, signal);
export const post = (path, body, signal) => ask("POST", BASE + path, body, signal);
export const remove = (path, signal) => ask("DELETE", BASE + path, undefined, signal);

async function ask(method, url, body, signal) {
  const timeout = AbortSignal.timeout(PATIENCE_MS);
  const headers = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET" && csrf) headers["x-csrf-token"] = csrf;
  let response;
  let answer;
  try {
    response = await fetch(url, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    const text = await response.text();
    answer = text ? parse(text) : {};
  } catch (error) {
    if (signal?.aborted) throw error;
    tell({ ok: false });
    throw new Failure("down");
  }
  if (response.ok && answer) {
    if (answer.now_ms) skew = answer.now_ms - Date.now();
    tell({ ok: true, now_ms: answer.now_ms, newest_ms: answer.newest_ms });
    return answer;
  }
  throw failure(response, answer);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function failure(response, answer) {
  const told = { status: response.status, ...answer?.error };
  const kinds = { 401: "signin", 403: "forbidden" };
  const kind = kinds[response.status] ?? (answer?.error ? "refused" : "down");
  if (kind === "down") tell({ ok: false });
  else tell({ ok: true });
  return new Failure(kind, told);
}

function tell(what) {
  for (const listener of listeners) listener(what);
}
