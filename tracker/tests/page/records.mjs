// Records as filters send them, by OTLP in JSON.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

export const EVIL = `<img src=x onerror="globalThis.broken=1">`;
const TURNED = "\u202egnp.exe";
const STATUS = "push.message.status";

// Sends them all. The server has them on disk when this ends.
export async function send(base, { logs = [], spans = [] }) {
  const resource = { attributes: attributes({ "service.name": "message-centre", "push.tenant": "default" }) };
  if (logs.length) await post(`${base}v1/logs`, { resourceLogs: [{ resource, scopeLogs: [{ logRecords: logs }] }] });
  if (spans.length) await post(`${base}v1/traces`, { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
}

async function post(url, body) {
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  assert.doesNotMatch(text, /"rejected\w+":"?[1-9]/);
}

const attributes = (values) => Object.entries(values).filter(([, value]) => value !== undefined).map(([key, value]) => ({ key, value: anyValue(value) }));

function anyValue(value) {
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number") return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  return { stringValue: value };
}

const nanos = (ms) => `${ms}000000`;
const hex = (bytes) => randomBytes(bytes).toString("hex");
const log = (eventName, at, values, ids = {}) => ({ eventName, timeUnixNano: nanos(at), severityNumber: 9, attributes: attributes(values), ...ids });
const span = (name, ids, start, took, values, status) => ({
  name, kind: 3, ...ids, startTimeUnixNano: nanos(start), endTimeUnixNano: nanos(start + took), attributes: attributes(values), status: status ?? {},
});

// A message that OPPO refuses, that goes by the long connection instead, and that is delivered.
export function journey(id, { receipt = true } = {}) {
  const traceId = hex(16);
  const vendorId = `lc-${hex(6)}`;
  const [first, second, third] = [hex(8), hex(8), hex(8)];
  const began = Date.now() - 5_000;
  const of = (spanId) => ({ traceId, spanId });
  const known = { "push.message.id": id, "push.business": "order", "push.template.id": "T-1", "push.recipient.hash": hex(16) };
  const reported = (status) => ({ logs: [log(STATUS, began + 4_000, { "push.vendor.message_id": vendorId, "push.channel": "lc", "push.node": "RECEIPT", "push.status": status, "push.outcome": "ok" })] });
  return {
    traceId,
    vendorId,
    receipt: reported,
    logs: [
      log(STATUS, began + 640, { ...known, "push.status": "submitted", "push.node": "MESSAGE_TO_PUSH", "push.outcome": "ok", "push.duration_ms": 640, "push.on_time": true }, of(first)),
      log(STATUS, began + 700, { ...known, "push.status": "failed", "push.node": "OPPO_PUSH", "push.channel": "oppo", "push.outcome": "vendor_unavailable", "push.vendor.code": "-1", "push.fate": "rejected", "push.duration_ms": 180, "push.on_time": true }, of(second)),
      log(STATUS, began + 900, { ...known, "push.status": "sent", "push.node": "LC_PUSH", "push.channel": "lc", "push.outcome": "ok", "push.switched_from": "oppo", "push.vendor.message_id": vendorId, "push.duration_ms": 120, "push.on_time": true }, of(third)),
      log("push.message.alias", began + 900, { ...known, "push.channel": "lc", "push.node": "LC_PUSH", "push.vendor.message_id": vendorId }, of(third)),
      ...(receipt ? reported("delivered").logs : []),
    ],
    spans: [
      span("MESSAGE_TO_PUSH", of(first), began, 640, { ...known, "push.node": "MESSAGE_TO_PUSH", "push.outcome": "ok" }),
      span("send oppo", { ...of(second), parentSpanId: first }, began + 310, 180, { ...known, "push.node": "OPPO_PUSH", "push.channel": "oppo", "push.outcome": "vendor_unavailable", "push.vendor.code": "-1", "http.response.status_code": 200 }, { code: 2, message: "service currently unavailable 12" }),
      span("send lc", { ...of(third), parentSpanId: first }, began + 500, 120, { ...known, "push.node": "LC_PUSH", "push.channel": "lc", "push.outcome": "ok", "push.switched_from": "oppo" }),
    ],
  };
}

// So many messages that OPPO does not take.
export function outage(business, messages) {
  const at = Date.now() - 1_000;
  const logs = Array.from({ length: messages }, (_, n) => {
    const ids = { traceId: hex(16), spanId: hex(8) };
    const known = { "push.message.id": `${business}-${n}-${hex(4)}`, "push.business": business, "push.channel": "oppo", "push.node": "OPPO_PUSH" };
    return [
      log(STATUS, at - 100, { ...known, "push.node": "MESSAGE_TO_PUSH", "push.channel": undefined, "push.status": "submitted", "push.outcome": "ok" }, { ...ids, spanId: hex(8) }),
      log(STATUS, at, { ...known, "push.status": "failed", "push.outcome": "vendor_unavailable", "push.vendor.code": "-1", "push.duration_ms": 20, "push.on_time": true, "error.message": "service currently unavailable" }, ids),
    ];
  }).flat();
  return { logs };
}

// A message, a channel and a rule of which every word is hostile.
export function hostile() {
  const at = Date.now() - 2_000;
  const ids = { traceId: hex(16), spanId: hex(8) };
  const names = ["push.message.id", "push.node", "push.channel", "push.business", "push.template.id", "push.outcome", "push.vendor.code", "push.vendor.message_id", "push.recipient.hash", "push.fate", "push.switched_from", "push.status.conflict", "error.message", "exception.message", EVIL];
  const everything = Object.fromEntries(names.map((name) => [name, EVIL]));
  const history = { "push.channel": EVIL, "push.state": EVIL, "push.state.from": TURNED, "push.reason": EVIL, "push.rule": EVIL, "push.rule.kind": EVIL, "push.rule.result": "applied", "push.by": EVIL, "push.until_unix_ms": Date.now() + 3_600_000, "push.config.version": EVIL };
  return {
    logs: [
      log(STATUS, at, { ...everything, "push.status": "failed" }, ids),
      log(STATUS, at + 1, { ...everything, "push.status": EVIL, "push.template.id": "x".repeat(4_096), "push.business": TURNED }, { ...ids, spanId: hex(8) }),
      log("push.node.enter", at, { ...everything, "push.status": undefined }, { ...ids, spanId: hex(8) }),
      log("push.channel.state", at, history),
      log("push.rule.applied", at, history),
      log(EVIL, at, { [EVIL]: EVIL, "push.message.id": EVIL }, ids),
    ],
    spans: [span(EVIL, { ...ids, spanId: hex(8) }, at, 10, everything, { code: 2, message: EVIL })],
  };
}
