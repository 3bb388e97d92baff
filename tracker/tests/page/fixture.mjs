// Answers of every endpoint, as the interface promises them.

const EVIL = `<img src=x onerror="window.broken=1">`;
const TURNED = "\u202egnp.exe\u202c";
const LONG = "x".repeat(4096);
const now = () => Date.now();
let step = "waiting";
let turn = 0;

// What a test can make otherwise: who looks, whether a proposal waits, what has come of a message since, a server without `POST search`.
export const scene = { role: "approver", proposal: false, receipts: 0, old: false };

const brief = (n, more = {}) => ({
  key: n.toString(16).padStart(24, "0"), tenant: "default", id: `order-${10_000 + n}`, status: ["sent", "delivered", "failed", "read", "submitted"][n % 5],
  channel: ["oppo", "apns", "sms-tencent"][n % 3], node: ["OPPO_PUSH", "APNS_PUSH", "SMS_TENCENT_PUSH"][n % 3], outcome: n % 5 === 2 ? "vendor_unavailable" : "ok", code: n % 5 === 2 ? "-1" : "",
  meaning: n % 5 === 2 ? "Service Currently Unavailable" : null, business: ["order", "login", "marketing"][n % 3], template: `T-${n % 7}`, begun_ms: now() - 60_000 * n - 900, last_ms: now() - 60_000 * n,
  doubled: n % 11 === 3, drill: n % 13 === 5, conflicts: n % 17 === 6 ? [{ from: "delivered", to: "failed" }] : [], recipients: 1 + (n % 4), switched: n % 6 === 1, vendor_ids: [`v-${n}-8f2c`], trace_ids: ["4bf92f3577b34da6a3ce929d0e0e4736"], ...more,
});
const evil = () => brief(999, { id: EVIL, channel: TURNED, node: LONG, code: EVIL, outcome: EVIL, meaning: EVIL, business: "javascript:alert(1)", template: "=1+1", status: EVIL, vendor_ids: [EVIL], trace_ids: [LONG] });

function trend() {
  const minute = 60_000;
  const end = Math.floor(now() / minute) * minute;
  const at_ms = Array.from({ length: 60 }, (_, i) => end - (59 - i) * minute);
  const make = (size, bad) => ({
    success: at_ms.map((_, i) => Math.round(size * (1 + 0.25 * Math.sin(i / 6)) * (bad && i > 34 && i < 48 ? 0.35 : 1))),
    failed: at_ms.map((_, i) => Math.round(size * (bad && i > 34 && i < 48 ? 0.6 : 0.03 + 0.01 * Math.sin(i)))),
    pending: at_ms.map((_, i) => Math.round(i > 56 ? size * 0.2 * (i - 56) : size * 0.01)),
  });
  const channels = { oppo: make(420, true), apns: make(800, false), "sms-tencent": make(90, false), [EVIL]: make(3, false) };
  const total = Object.fromEntries(["success", "failed", "pending"].map((key) => [key, at_ms.map((_, i) => Object.values(channels).reduce((all, one) => all + one[key][i], 0))]));
  return { step_ms: minute, at_ms, total, channels };
}

function visits(begun) {
  const visit = (span_id, parent_id, edge, node, start, duration_ms, more) => ({ span_id, parent_id, edge, node, channel: "", service: "message-centre", name: node, start_ms: begun + start, duration_ms, limit_ms: 200, on_time: true, outcome: "ok", code: "", meaning: null, fate: "", attempt: 0, switched_from: "", drill: false, http_status: 200, text: "", ...more });
  return [
    visit("a1", null, "none", "MESSAGE_TO_PUSH", 0, 640, { limit_ms: 1000 }),
    visit("a2", "a1", "propagated", "FREQUENCY_FILTER", 12, 21, { service: "filter" }),
    visit("a3", "a1", "propagated", "USER_QUERY", 40, 260, { on_time: false, service: "user-centre" }),
    visit("a4", "a1", "inferred", "OPPO_PUSH", 310, 180, { channel: "oppo", outcome: "vendor_unavailable", code: "-1", meaning: "Service Currently Unavailable", fate: "rejected", http_status: 200, text: "service currently unavailable #" }),
    visit("a5", "a4", "propagated", "LC_PUSH", 495, 120, { channel: "lc", switched_from: "oppo", attempt: 2, fate: "accepted" }),
    visit("a6", null, "none", "RECEIPT", 7_200_000, 14, { service: "receipts", channel: "lc" }),
    visit("a7", "a6", "inferred", EVIL, 7_200_020, null, { service: LONG, channel: TURNED, text: EVIL, code: EVIL, outcome: "timeout", drill: true, http_status: null }),
  ];
}

// A message that was tried again and again.
function many() {
  const begun = now() - 4_000_000;
  const [first] = visits(begun);
  const all = Array.from({ length: 2_000 }, (_, n) => ({ ...first, span_id: `m${n}`, parent_id: n ? `m${n - 1}` : null, edge: n ? "inferred" : "none", start_ms: begun + n * 2_000, duration_ms: 900, attempt: n }));
  const raw = all.map(({ start_ms }, n) => ({ facts: { kind: "span", name: `visit ${n}` }, at_ms: start_ms, rest: JSON.stringify({ n, text: EVIL }) }));
  return { message: brief(7), recipients: [], statuses: [], visits: all, waits: [], raw, trace_link: null, more: false };
}

// A message of which an answer has four records only. Those that come late are older than the others.
const FOUR_BEGAN = now() - 9_000;
function four(after) {
  const event = (name, at) => ({ facts: { kind: "status", node: name, status: "sent" }, at_ms: FOUR_BEGAN + at, span_id: name, recipient: "", rest: "" });
  const all = [...Array.from({ length: scene.receipts }, (_, n) => event(`late-${n}`, n)), ...Array.from({ length: 6 }, (_, n) => event(`own-${n}`, 100 + n))];
  return { message: brief(7, { last_ms: FOUR_BEGAN + 105 }), recipients: [], statuses: [], visits: [], waits: [], raw: all.slice(after, after + 4), trace_link: null, more: all.length > after + 4 };
}

// A search, read as strictly as the server reads a body.
function search(told, strict) {
  const wrong = strict && (["from_ms", "to_ms", "limit"].some((name) => !Number.isInteger(told[name])) || ["on_time", "drill", "switched", "doubled"].some((name) => name in told && typeof told[name] !== "boolean"));
  if (wrong) return [400, { error: { code: "bad_request", message: "the body cannot be read", hint: "openapi.json says what it has to be" } }];
  if (told.node === "all") return [422, { error: { code: "too_much", message: "that would look through 812,000,000 events, and 50,000,000 are allowed", hint: "Name a shorter time or a recipient." } }];
  return [200, { messages: list(40, told.cursor ? 50 : 0), next: told.cursor ? null : "1-abc" }];
}

// Whether a drill says by what it strikes as the server takes it.
function strikes(fault) {
  if (fault === "refused") return true;
  const [[kind, value] = [], ...more] = Object.entries(Object(fault));
  const fits = { status: Number.isInteger(value), code: typeof value === "string" && value !== "", delay: /^\d+(ms|s)$/.test(value) };
  return typeof fault === "object" && !more.length && fits[kind] === true;
}

function message(key) {
  const bad = key.endsWith("3e7");
  const begun = now() - 7_300_000;
  const facts = (kind, more) => ({ kind, name: "", tenant: "default", service: "message-centre", node: "OPPO_PUSH", channel: "oppo", status: "", outcome: "", code: "", ...more });
  return {
    message: bad ? evil() : brief(7, { key, status: "delivered", begun_ms: begun, last_ms: begun + 7_200_014, switched: true, channel: "lc", node: "RECEIPT", outcome: "ok", conflicts: [{ from: "delivered", to: "failed" }], vendor_ids: ["lc-77812", "oppo-5dd1"] }),
    recipients: [{ recipient: "5d1e90ab77aa41f09c1f5d1e90ab77aa", status: "delivered", channel: "lc", code: "", outcome: "ok", last_ms: begun + 7_200_014 }, { recipient: EVIL, status: "failed", channel: TURNED, code: EVIL, outcome: "invalid_token", meaning: null, last_ms: begun }],
    statuses: [{ status: "submitted", first_ms: begun, last_ms: begun, channel: "" }, { status: "sending", first_ms: begun + 310, last_ms: begun + 310, channel: "oppo" }, { status: "failed", first_ms: begun + 490, last_ms: begun + 490, channel: "oppo" }, { status: "sent", first_ms: begun + 615, last_ms: begun + 615, channel: "lc" }, { status: "delivered", first_ms: begun + 7_200_014, last_ms: begun + 7_200_014, channel: "lc" }],
    visits: visits(begun), waits: [{ from_node: "MESSAGE_TO_PUSH", to_node: "OPPO_PUSH", from_service: "message-centre", to_service: "pusher", wait_ms: 180 }],
    raw: [{ facts: facts("status", { status: "submitted" }), at_ms: begun, message_id: "order-10007", recipient: "5d1e", rest: "{\"push.extra\":\"<b>bold</b>\"}" }, { facts: facts("span", { name: "send oppo", code: EVIL }), at_ms: begun + 310, duration_ms: 180, rest: "not json" }],
    trace_link: bad ? "javascript:alert(1)" : "https://jaeger.example.com/trace/4bf92f3577b34da6a3ce929d0e0e4736", more: !bad,
  };
}

// `none` is nobody's, `many` is of several, and all else of one.
function lookup(ids) {
  const known = ids.filter((id) => id !== "none" && !/[ ,]/.test(id));
  return { found: known.map((id) => ({ id, messages: id === "many" ? list(19) : [brief(7)] })), missing: ids.filter((id) => !known.includes(id)) };
}

const channels = () => [
  { channel: "oppo", state: "degraded", reason: "failure_ratio", since_ms: now() - 760_000, rule: { name: "switch-oppo", kind: "force", by: "alice", reason: "OPPO answers 503", until_ms: now() + 1_200_000, version: "9f2c" }, quality: { messages: 25_200 + (turn += 1), success_ratio: 0.8312, p99_ms: 2310, codes: [{ code: "-1", n: 3120, meaning: "Service Currently Unavailable" }, { code: "10000", n: 210, meaning: "Invalid registration id" }, { code: EVIL, n: 3, meaning: EVIL }] },
    history: [{ at_ms: now() - 700_000, what: "rule", name: "switch-oppo", from: "force", to: "applied", reason: "OPPO answers 503", by: "alice" }, { at_ms: now() - 760_000, what: "state", from: "healthy", to: "degraded", reason: "failure_ratio", by: "" }, { at_ms: now() - 2_160_000, what: "drill", name: "friday", from: "refused", to: "passed", reason: "friday", by: "bob" }] },
  { channel: "apns", state: "healthy", reason: "", since_ms: now() - 86_000_000, rule: null, quality: { messages: 48_000, success_ratio: 0.9996, p99_ms: 210, codes: [{ code: "Unregistered", n: 19, meaning: "The device token is inactive" }] }, history: [] },
  { channel: "sms-tencent", state: "recovering", reason: "", since_ms: now() - 60_000, rule: null, quality: { messages: 5_400, success_ratio: 0.9712, p99_ms: 480, codes: [] }, history: [{ at_ms: now() - 60_000, what: "state", from: "probing", to: "recovering", reason: "", by: "" }] },
  { channel: EVIL, state: EVIL, reason: EVIL, since_ms: now(), rule: { name: EVIL, kind: "drill", by: TURNED, reason: LONG, until_ms: 1, version: "" }, quality: { messages: 0, success_ratio: null, p99_ms: null, codes: [] }, history: [{ at_ms: 5, what: EVIL, from: EVIL, to: EVIL, reason: EVIL, by: EVIL }] },
];
const DIFF = "--- pointsman.json\n+++ pointsman.json\n@@ -3,6 +3,7 @@\n   \"rules\": [\n+    {\"name\": \"switch-oppo\", \"force\": {\"channel\": \"oppo\", \"action\": \"switch\", \"to\": [\"lc\"]}, \"by\": \"alice\", \"reason\": \"<b>\"},\n-    {\"name\": \"old\"},\n     {\"name\": \"auto\"}\n";
const entry = (id, more) => ({ id, kind: "switch", channel: "oppo", to: ["lc"], for_s: 1800, reason: "OPPO answers 503", by: "alice", at_ms: now() - 700_000, step: "done", diff: DIFF, in_force: { known: true, with: 12, behind: 2 }, ...more });
const proposal = () => (scene.proposal ? [entry("7", { step: "waiting", kind: "end_drill", to: [], by: "pattern", proposed_by: "pattern", proposed: true, reason: "3,120 of -1 in 5 minutes" })] : []);
const operations = () => [...proposal(), entry("6", { kind: "end_drill", to: [], step: "running" }), entry("2", { step, by: "bob", approved_by: step === "done" ? "carol" : undefined, at_ms: now() - 20_000, reason: EVIL, kind: "drill", to: [], in_force: { known: false, with: 0, behind: 0 } }), entry("1", {}), entry("0", { step: "failed", error: "the config has been edited", by: EVIL, at_ms: now() - 9_000_000 })];
const list = (n, from = 0) => [...(from ? [] : [evil()]), ...Array.from({ length: n }, (_, i) => brief(i + from))];

const questions = [];

// What was asked at a path: the parameters, or of a change its body and token.
export const asked = (path, method = "GET") => questions.filter((one) => one.path === path && one.method === method).map(({ query, body, csrf }) => (method === "GET" ? query : { body, csrf }));

// Status and answer of a question.
export function answer(method, path, query, body, csrf) {
  questions.push({ method, path, query, body, csrf });
  const [status, value] = route(method, path, query, body);
  return [status, { now_ms: now(), newest_ms: now() - 1_800, ...value }];
}

function route(method, path, query, body) {
  const key = /^messages\/(.+)/.exec(path)?.[1];
  if (key) return [200, key.startsWith("f") ? many() : key.startsWith("4") ? four(Number(query.get("events_after"))) : message(key)];
  if (path === "lookup") return [200, lookup(body.ids)];
  if (path === "search" && method === "POST" && scene.old) return [405, { error: { code: "method", message: "there is nothing here for POST", hint: null } }];
  if (path === "search") return method === "POST" ? search(body, true) : search(Object.fromEntries(query), false);
  if (path === "session") return [200, { name: "carol", role: scene.role, how: "session", csrf: "token", operations: true, sign_in: true }];
  if (method === "POST" && body.kind === "drill" && !strikes(body.fault)) return [400, { error: { code: "bad_request", message: "the body cannot be read, at line 1 column 9", hint: null } }];
  if (path === "operations/preview") return [200, { diff: DIFF, wide: body.kind === "drill", why_wide: "A drill on live traffic." }];
  if (path === "operations/targets") return [200, { channels: [{ channel: "oppo", to: ["lc", "sms-tencent"] }] }];
  if (path.endsWith("/approve")) return [200, entry("2", { step: (step = "done") })];
  if (path.endsWith("/reject")) return [200, entry("2", { step: (step = "refused") })];
  if (path === "operations" && method === "POST") return [201, entry("3", body)];
  const plain = {
    trend: trend, operations: () => ({ entries: operations() }), channels: () => ({ channels: channels() }), freshness: () => ({}),
    funnel: () => ({ stages: [["submitted", 78_000, 1], ["sending", 77_900, 0.998], ["sent", 74_300, 0.9525], ["delivered", 61_000, 0.782], ["read", 20_100, 0.257], ["failed", 3_700, 0.0474]].map(([status, messages, share]) => ({ status, messages, share })) }),
    nodes: () => ({ nodes: [["MESSAGE_TO_PUSH", "", 79_000, 3, 38, 640, 0.998, 14, 0, null], ["OPPO_PUSH", "oppo", 25_200, 4_250, 120, 20_310, 0.81, 310, 44, 95_000], ["APNS_PUSH", "apns", 48_000, 19, 61, 210, 0.9996, 21, 0, null], ["USER_QUERY", "", 79_000, 0, 12, 90, null, 4, 0, null], [EVIL, TURNED, 1, 1, null, null, null, 0, 0, null]].map(([node, channel, messages, failed, p50_ms, p99_ms, on_time_ratio, in_flight, blocked, oldest_blocked_ms]) => ({ node, channel, messages, per_second: messages / 300, failed, p50_ms, p99_ms, on_time_ratio, in_flight, blocked, oldest_blocked_ms })) }),
    waits: () => ({ edges: [{ from_service: "message-centre", from_node: "MESSAGE_TO_PUSH", to_service: "pusher", to_node: "OPPO_PUSH", samples: 500, p50_ms: 180, p99_ms: 2100, max_ms: 19_000 }], sampled: 500 }),
    blocked: () => ({ visits: Array.from({ length: 20 }, (_, i) => ({ node: "OPPO_PUSH", channel: "oppo", message_id: i ? `order-${i}` : EVIL, key: brief(i).key, business: "order", since_ms: now() - 95_000 + i * 3_000, age_ms: 95_000 - i * 3_000, span_id: `s${i}` })), by_node: [{ node: "OPPO_PUSH", n: 44, oldest_ms: 95_000 }] }),
    patterns: () => ({ patterns: [{ channel: "oppo", code: "-1", text: "service currently unavailable #", meaning: "Service Currently Unavailable", outcome: "vendor_unavailable", count: 3120, first_ms: now() - 900_000, last_ms: now() - 2_000, trend: [0, 0, 0, 0, 2, 10, 90, 400, 700, 800, 700, 420], rising: true, above: true, threshold: 500, proposal: { to: ["lc"], reason: "3,120 of -1 in 5 minutes" } }, { channel: "apns", code: "Unregistered", text: "", meaning: "The device token is inactive", outcome: "invalid_token", count: 19, first_ms: now() - 3_500_000, last_ms: now() - 100_000, trend: [1, 2, 1, 2, 1, 2, 2, 1, 2, 1, 2, 2], rising: false, above: false, threshold: null, proposal: null }, { channel: EVIL, code: EVIL, text: LONG, meaning: EVIL, outcome: EVIL, count: 1, first_ms: 1, last_ms: 2, trend: [], rising: false, above: true, threshold: 1, proposal: null }] }),
  }[path];
  if (plain) return [200, plain()];
  if (["lost", "doubled", "late"].includes(path)) return [200, { messages: path === "doubled" ? [] : list(5), next: null }];
  return [404, { error: { code: "not_found", message: "there is nothing here", hint: null } }];
}
