// The page on the program itself: what is sent as records of OpenTelemetry is found, shown and switched.

import assert from "node:assert/strict";
import { test } from "node:test";
import { close, faults, open, picture, settled, until, visit } from "./browser.mjs";
import { EVIL, hostile, journey, outage, send } from "./records.mjs";

const base = process.env.POINTSMAN_PAGE_URL;
const tokens = { alice: process.env.POINTSMAN_PAGE_OPERATOR, bob: process.env.POINTSMAN_PAGE_APPROVER };

async function signedIn(name, options) {
  const page = await open(base, options);
  await page.getByLabel("Token", { exact: true }).fill(tokens[name]);
  await page.locator("form.signin button").click();
  await page.locator(".account", { hasText: name }).waitFor();
  await settled(page);
  return page;
}

async function find(page, id) {
  await page.getByLabel("Find a message by any id").fill(id);
  await page.keyboard.press("Enter");
  await page.waitForURL(/#\/message\/[0-9a-f]{24}$/);
  await settled(page);
}

test("nobody sees anything without a token, and a wrong one is told so", async () => {
  const page = await open(base, { place: "#/patterns" });
  assert.equal(await page.textContent("h1"), "Sign in");
  await page.getByLabel("Token", { exact: true }).fill("wrong");
  await page.locator("form.signin button").click();
  await page.getByText("This token is not known.").waitFor();
  await page.getByLabel("Token", { exact: true }).fill(tokens.alice);
  await page.locator("form.signin button").click();
  await page.getByRole("heading", { level: 1, name: "Failures that are alike" }).waitFor();
  await settled(page);
  const kept = await page.evaluate(() => JSON.stringify([localStorage, sessionStorage, document.cookie, location.href]));
  assert.ok(!kept.includes(tokens.alice), "the token is kept where scripts can read it");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByRole("heading", { level: 1, name: "Sign in" }).waitFor();
  await close(page);
});

test("a message is found by its own id, the vendor's id and its trace, and shows where it went and why it failed", async () => {
  const message = journey("order-1");
  await send(base, message);
  const page = await signedIn("alice");
  for (const id of ["order-1", message.vendorId, message.traceId]) {
    await visit(page, "#/trend");
    await find(page, id);
    assert.equal(await page.textContent(".message-name .big"), "order-1", id);
  }
  assert.deepEqual(await page.locator(".ribbon .step-name").allTextContents(), ["submitted", "failed", "sent", "delivered", "read"]);
  assert.equal(await page.textContent(".ribbon [aria-current=step] .step-name"), "delivered");
  const rows = await page.locator(".waterfall tbody tr").allTextContents();
  assert.equal(rows.length, 3);
  const row = (node) => rows.find((text) => text.includes(node)) ?? assert.fail(`no visit of ${node} in ${rows}`);
  assert.match(row("MESSAGE_TO_PUSH"), /640 ms/);
  assert.match(row("OPPO_PUSH"), /vendor unavailable.*-1/);
  assert.match(row("LC_PUSH"), /in place of\s+oppo/);
  assert.equal(await page.locator(".waterfall .branch.propagated").count(), 2);
  const bars = await page.locator(".track .bar").evaluateAll((all) => all.map((bar) => bar.getBoundingClientRect()).map(({ left, width }) => ({ left, width })));
  assert.ok(bars[0].width > bars[1].width && bars[1].left > bars[0].left && bars[2].left > bars[1].left, JSON.stringify(bars));
  assert.match(await page.getByRole("link", { name: /Open the trace/ }).getAttribute("href"), new RegExp(`^https://jaeger\\.example\\.com/trace/${message.traceId}$`));
  await page.locator("details.raw summary").first().click();
  assert.match(await page.textContent("details.raw pre"), /"message_id": "order-1"/);
  assert.deepEqual(await faults(page), []);
  await picture(page, "program-message");
  await close(page);
});

test("a receipt that comes while the message is looked at turns it to what it reports", async () => {
  const message = journey("order-2", { receipt: false });
  await send(base, message);
  const page = await signedIn("alice");
  await page.clock.install();
  await find(page, "order-2");
  assert.equal(await page.textContent(".message-name .chip"), "sent");
  await send(base, message.receipt("read"));
  await page.clock.fastForward(11_000);
  await until(() => page.textContent(".message-name .chip"), (status) => status === "read", "the status");
  await close(page);
});

test("the trend grows by what comes while it is open, and leads to the messages of a point", async () => {
  await send(base, outage("before", 5));
  const page = await signedIn("alice", { place: "#/trend" });
  await page.clock.install();
  await visit(page, "#/trend?last=15m");
  const failed = async () => Number((await page.locator(".figure", { hasText: "Failed" }).locator("dd").textContent()).replace(/\D/g, ""));
  const before = await failed();
  assert.ok(before >= 5, `${before} failed`);
  await send(base, outage("while-open", 7));
  await page.clock.fastForward(11_000);
  await until(failed, (now) => now === before + 7, `failed, ${before} before`);
  await page.locator(".chart").first().getByText("As a table").click();
  assert.ok(await page.locator(".chart table tbody tr").count() >= 15);
  await picture(page, "program-trend");
  await page.locator(".plot").first().focus();
  await page.keyboard.press("End");
  for (let step = 0; step < 3; step += 1) await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await page.waitForURL(/#\/search\?from_ms=/);
  await settled(page);
  await close(page);
});

test("the form finds failures of a business and shows them page by page", async () => {
  await send(base, outage("paged", 60));
  const page = await signedIn("alice", { place: "#/search" });
  await page.getByLabel("Business").fill("paged");
  await page.getByLabel("Status now").fill("failed");
  await page.locator(".search-form button[type=submit]").click();
  await page.waitForURL(/business=paged/);
  await settled(page);
  const seen = new Set(await page.locator(".results tbody a").allTextContents());
  assert.equal(seen.size, 50);
  await page.getByRole("link", { name: "Next page" }).click();
  await page.waitForURL(/cursor=/);
  await settled(page);
  for (const id of await page.locator(".results tbody a").allTextContents()) seen.add(id);
  assert.equal(seen.size, 60);
  const csv = await page.evaluate(async () => (await fetch(document.querySelector("a[download]").href)).text());
  assert.equal(csv.trim().split("\n").length, 61);
  await close(page);
});

test("what vendors and callers have sent is text on every page", async () => {
  await send(base, hostile());
  const page = await signedIn("alice");
  await visit(page, `#/find?id=${encodeURIComponent(EVIL)}`);
  await page.waitForURL(/#\/message\//);
  await settled(page);
  assert.equal(await page.textContent(".message-name .big"), EVIL);
  for (const view of ["", "#/trend", "#/search", "#/nodes", "#/channels", "#/blocked", "#/blocked/lost", "#/patterns"]) {
    if (view) await visit(page, view);
    await page.evaluate(() => { for (const part of document.querySelectorAll("details")) part.open = true; });
    const found = await page.evaluate(() => ({
      broken: globalThis.broken ?? null,
      nodes: document.querySelectorAll("img, iframe, main script, main style, [onerror]").length,
      links: [...document.querySelectorAll("a[href]")].map((anchor) => anchor.href).filter((link) => !link.startsWith("http")),
    }));
    assert.deepEqual(found, { broken: null, nodes: 0, links: [] }, view);
  }
  for (const view of ["#/nodes", "#/channels", "#/patterns"]) {
    await visit(page, view);
    assert.ok((await page.textContent("main")).includes(EVIL), `${view} does not show it`);
  }
  await close(page);
});

test("no view of the program has a serious fault that axe can find, in both colour schemes and languages", async () => {
  for (const [scheme, locale] of [["light", "en-GB"], ["dark", "zh-CN"]]) {
    const page = await open(base, { scheme, locale });
    await page.locator("#token").fill(tokens.alice);
    await page.locator("form.signin button").click();
    await page.locator(".account", { hasText: "alice" }).waitFor();
    for (const view of ["trend", "search", "nodes", "channels", "blocked", "blocked/lost", "patterns"]) {
      await visit(page, `#/${view}`);
      assert.deepEqual(await faults(page), [], view);
      await picture(page, `program-${view.replace(/\W+/g, "-")}-${scheme}`);
    }
    await close(page);
  }
});

test("a drill with a status is a rule as a config has it", async () => {
  await send(base, outage("drilled", 3));
  const page = await signedIn("alice", { place: "#/channels" });
  await page.getByRole("button", { name: "Drill…: oppo" }).click();
  await page.locator("dialog select[name=fault]").selectOption("status");
  await page.locator("dialog input[name=value]").fill("503");
  await page.getByLabel("Reason").fill("Friday");
  await page.getByRole("button", { name: "Preview" }).click();
  await page.waitForSelector("dialog .diff .good");
  assert.match(await page.textContent("dialog .diff"), /"status": ?503/);
  await page.locator("dialog button", { hasText: "Cancel" }).click();
  await close(page);
});

test("a switch that needs a second person is asked for by one and agreed to by another", async () => {
  await send(base, outage("switched", 3));
  const alice = await signedIn("alice", { place: "#/channels" });
  await alice.getByRole("button", { name: "Switch…: oppo" }).click();
  await alice.locator("dialog select[name=to]").selectOption("lc");
  await alice.locator("dialog select[name=for]").selectOption("60m");
  await alice.getByLabel("Reason").fill("OPPO answers 503");
  await alice.getByRole("button", { name: "Preview" }).click();
  await alice.waitForSelector("dialog .diff .good");
  assert.match(await alice.textContent("dialog .diff"), /"force".*"oppo".*"lc"/);
  await picture(alice, "program-preview");
  await alice.getByRole("button", { name: "Ask for approval" }).click();
  await alice.waitForSelector("dialog", { state: "detached" });
  await alice.getByText("You have asked for this; somebody else has to agree.").waitFor();
  assert.equal(await alice.getByRole("button", { name: "Agree" }).count(), 0);

  const bob = await signedIn("bob", { place: "#/channels" });
  await bob.getByRole("button", { name: "Agree" }).click();
  await bob.waitForSelector("dialog .diff");
  await bob.locator("dialog button[type=submit]").click();
  await bob.getByText("Agreed.").waitFor();
  const entry = bob.locator("section", { hasText: "Operations log" }).locator("tbody tr").first();
  await until(() => entry.textContent(), (text) => /done/.test(text), "the log");
  assert.match(await entry.textContent(), /Switch oppo → lc.*alice.*with bob.*OPPO answers 503/s);
  assert.deepEqual(await faults(bob), []);
  await picture(bob, "program-switched");
  await close(alice);
  await close(bob);
});
