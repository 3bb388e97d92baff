// The page on made-up answers, in which all that vendors and callers control is hostile.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, test } from "node:test";
import { close, faults, open, picture, settled, until, visit } from "./browser.mjs";
import { asked, scene } from "./fixture.mjs";
import { server } from "./stub.mjs";
import { en } from "../../page/words-en.js";
import { zh } from "../../page/words-zh.js";

await new Promise((resolve) => { server.listen(0, "127.0.0.1", resolve); });
after(() => server.close());
const base = `http://127.0.0.1:${server.address().port}/`;
const KEY = "000000000000000000000007";
const EVIL_KEY = "0000000000000000000003e7";
const VIEWS = ["trend", "search", `message/${KEY}`, `message/${EVIL_KEY}`, "nodes", "channels", "channels?channel=oppo", "blocked", "blocked/lost", "blocked/doubled", "patterns", "find?id=many", "find?id=none", "signin"];

test("texts of vendors and callers are shown as text and never become nodes, links or scripts", async () => {
  const page = await open(base);
  for (const view of VIEWS) {
    await visit(page, `#/${view}`);
    await page.evaluate(() => { for (const part of document.querySelectorAll("details")) part.open = true; });
    const found = await page.evaluate(() => ({
      broken: globalThis.broken ?? null,
      nodes: document.querySelectorAll("img, iframe, object, embed, main script, main style, [onerror], [style*=expression]").length,
      links: [...document.querySelectorAll("a")].map((anchor) => anchor.href).filter((link) => link && !link.startsWith("http")),
      turned: /[\u202a-\u202e\u2066-\u2069]/.test(document.body.textContent),
    }));
    assert.deepEqual(found, { broken: null, nodes: 0, links: [], turned: false }, view);
  }
  await visit(page, `#/message/${EVIL_KEY}`);
  assert.match(await page.textContent("main"), /<img src=x onerror=/);
  assert.equal(await page.locator("main a[target=_blank]:not([rel~=noopener])").count(), 0);
  await close(page);
});

for (const scheme of ["light", "dark"]) {
  test(`no view has a serious fault that axe can find, ${scheme}`, async () => {
    const page = await open(base, { scheme });
    for (const view of VIEWS) {
      await visit(page, `#/${view}`);
      assert.deepEqual(await faults(page), [], view);
      await picture(page, `${view.replace(/\W+/g, "-")}-${scheme}`);
    }
    await visit(page, "#/channels");
    await page.getByRole("button", { name: "Switch…: oppo" }).click();
    await page.getByLabel("Reason").fill("OPPO answers 503");
    await page.getByRole("button", { name: "Preview" }).click();
    await page.waitForSelector("dialog .diff");
    assert.deepEqual(await faults(page), [], "dialog");
    await picture(page, `dialog-${scheme}`);
    await close(page);
  });
}

test("both languages have every text with the same places to fill, and the choice is remembered", async () => {
  // Chinese has no keys of its own: what stands in a line has to be as many texts as the keys in that of English.
  const [keyed, listed] = [[en, "en", /"(?:[^"\\]|\\.)*": "/g], [zh, "zh", /"(?:[^"\\]|\\.)*",?/g]].map(([words, name, one]) => {
    const lines = readFileSync(new URL(`../../page/words-${name}.js`, import.meta.url), "utf8").split("\n").filter((line) => line.startsWith("  \""));
    const counts = lines.map((line) => line.match(one).length);
    assert.equal(counts.reduce((all, n) => all + n), Object.keys(words).length, name);
    return counts;
  });
  assert.deepEqual(listed, keyed);
  assert.ok(Object.values(zh).every((text) => text));
  const places = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const key of Object.keys(en)) assert.deepEqual(places(zh[key]), places(en[key]), key);
  const folder = new URL("../../page/", import.meta.url);
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".js"))) {
    for (const [, key] of readFileSync(new URL(name, folder), "utf8").matchAll(/\bt\("([^"]+)"/g)) assert.ok(key in en, `${name} says ${key}`);
  }
  const page = await open(base);
  assert.equal(await page.getAttribute("html", "lang"), "en");
  await page.selectOption("#language", "zh");
  assert.equal(await page.getAttribute("html", "lang"), "zh-CN");
  for (const view of VIEWS) {
    await visit(page, `#/${view}`);
    // A text that is missing shows its key.
    const shown = await page.evaluate(() => document.body.textContent);
    assert.deepEqual(Object.keys(en).filter((key) => key.includes(".") && shown.includes(key)), [], view);
    await picture(page, `${view.replace(/\W+/g, "-")}-zh`);
  }
  await page.reload();
  await settled(page);
  assert.equal(await page.getAttribute("html", "lang"), "zh-CN");
  await close(page);
  const chinese = await open(base, { locale: "zh-CN" });
  assert.equal(await chinese.getAttribute("html", "lang"), "zh-CN");
  await close(chinese);
});

test("everything can be reached and done with the keyboard alone", async () => {
  const page = await open(base);
  const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.textContent?.slice(0, 40));
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to content");
  await page.keyboard.press("Enter");
  assert.equal(await focused(), "main");
  await page.keyboard.press("/");
  assert.equal(await focused(), "any-id");
  await page.keyboard.type("one");
  await page.keyboard.press("Enter");
  await page.waitForURL(/#\/message\//);
  await settled(page);
  assert.equal(await focused(), "heading");
  assert.deepEqual(asked("lookup", "POST").at(-1).body, { ids: ["one"] });
  await page.focus("#nav-trend");
  await page.keyboard.press("Enter");
  await page.waitForURL(/#\/trend/);
  await settled(page);
  await page.locator(".plot").first().focus();
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  assert.match(await page.locator(".chart [aria-live]").first().textContent(), /Success \d/);
  await page.keyboard.press("Enter");
  await page.waitForURL(/#\/search\?from_ms=\d+&to_ms=\d+/);
  await page.goBack();
  await settled(page);
  await page.locator(".plot").first().focus();
  for (const key of ["Home", "Shift+ArrowRight", "Shift+ArrowRight", "Enter"]) await page.keyboard.press(key);
  await page.waitForURL(/#\/trend\?from_ms=\d+&to_ms=\d+/);
  const zoom = new URLSearchParams(page.url().split("?")[1]);
  assert.equal(zoom.get("to_ms") - zoom.get("from_ms"), 3 * 60_000);
  await visit(page, "#/channels");
  const button = page.getByRole("button", { name: "Switch…: oppo" });
  await button.focus();
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog select[name=kind]:focus");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  assert.equal(await button.evaluate((node) => node === document.activeElement), true);
  await close(page);
});

test("what is typed into the box stands in no address, and may be several ids", async () => {
  const page = await open(base);
  const urls = [];
  page.on("request", (request) => urls.push(request.url()));
  await page.getByLabel("Find a message by any id").fill("many none, +8613800138000");
  await page.keyboard.press("Enter");
  await page.getByRole("status").filter({ hasText: "20 messages" }).waitFor();
  assert.match(await page.textContent("section:has-text('Not found')"), /none/);
  assert.deepEqual(asked("lookup", "POST").at(-1).body.ids.slice(1), ["many", "none", "+8613800138000"]);
  assert.ok(![...urls, page.url()].some((url) => url.includes("138")), "the address has a phone number");
  await page.locator("main tbody a").first().click();
  await page.waitForURL(/#\/message\//);
  await page.goBack();
  await page.getByRole("status").filter({ hasText: "20 messages" }).waitFor();
  await close(page);
});

test("a brush over the curve zooms, and a click on a point leads to its messages", async () => {
  const page = await open(base);
  const box = await page.locator(".u-over").first().boundingBox();
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * 0.25, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, y, { steps: 4 });
  await page.mouse.up();
  await page.waitForURL(/#\/trend\?from_ms=\d+&to_ms=\d+/);
  await settled(page);
  await page.locator(".u-over").first().click({ position: { x: box.width * 0.4, y: 20 } });
  await page.waitForURL(/#\/search\?from_ms=\d+&to_ms=\d+/);
  await close(page);
});

test("the form asks for what was filled in, page by page, and the CSV has the same conditions", async () => {
  const page = await open(base, { place: "#/search" });
  await page.getByLabel("Business", { exact: true }).fill("order");
  await page.getByLabel("Status now").fill("failed");
  await page.locator(".search-form button[type=submit]").click();
  await page.waitForURL(/status=failed/);
  await settled(page);
  await page.getByRole("button", { name: "6 h" }).click();
  await page.waitForURL(/last=6h/);
  await settled(page);
  const first = asked("search").at(-1);
  assert.equal(first.get("business"), "order");
  assert.equal(first.get("status"), "failed");
  assert.ok(first.get("to_ms") - first.get("from_ms") >= 21_600_000);
  const csv = new URL(await page.locator("a[download]").getAttribute("href"), base);
  assert.equal(csv.pathname, "/api/v1/search.csv");
  assert.deepEqual([csv.searchParams.get("business"), csv.searchParams.get("status"), csv.searchParams.get("limit")], ["order", "failed", null]);
  await page.getByRole("link", { name: "Next page" }).click();
  await page.waitForURL(/cursor=/);
  await settled(page);
  assert.equal(asked("search").at(-1).get("cursor"), "1-abc");
  await visit(page, "#/search?node=all");
  assert.match(await page.textContent("[role=alert]"), /would look through.*Name a shorter time/s);
  await close(page);
});

test("a recipient in plain that is searched for stands in no address, and stays on the way through pages, times and the history", async () => {
  const page = await open(base, { place: "#/search" });
  const urls = [];
  page.on("request", (request) => urls.push(request.url()));
  page.on("framenavigated", (frame) => urls.push(frame.url()));
  const recipient = page.getByLabel("Recipient", { exact: true });
  const last = () => asked("search", "POST").at(-1);
  const sees = (look) => until(() => settled(page).then(() => last()?.body), (body) => body && look(body), "what is asked for");
  await recipient.fill("+8613800138000");
  await page.locator("summary", { hasText: "More conditions" }).click();
  await page.getByLabel("On time").selectOption("true");
  await page.getByLabel("Struck by a drill").check();
  await page.locator(".search-form button[type=submit]").click();
  await sees((body) => body.recipient === "+8613800138000" && body.on_time === true && body.drill === true && Number.isInteger(body.from_ms));
  assert.equal(last().csrf, "token");
  assert.equal(await page.locator("a[download]").count(), 0);
  assert.match(await page.textContent(".toolbar"), /No CSV/);
  await page.getByRole("button", { name: "6 h" }).click();
  await sees((body) => body.to_ms - body.from_ms >= 21_600_000);
  await page.getByRole("button", { name: "Next page" }).click();
  await sees((body) => body.cursor === "1-abc" && body.recipient === "+8613800138000");
  await page.goBack();
  await sees((body) => !body.cursor && body.recipient === "+8613800138000");
  await page.reload();
  await settled(page);
  assert.equal(await recipient.inputValue(), "+8613800138000");
  assert.deepEqual(await faults(page), []);
  await page.getByRole("link", { name: "Clear" }).click();
  await until(() => recipient.inputValue(), (text) => text === "", "the recipient");
  assert.equal(await page.locator("a[download]").count(), 1);

  // What somebody has kept from elsewhere.
  await page.evaluate(() => { location.hash = "#/search?recipient=openid-1&status=sent"; });
  await page.waitForURL(/#\/search\?status=sent$/);
  await sees((body) => body.recipient === "openid-1" && body.status === "sent");
  await page.locator("#nav-search").click();
  await until(() => recipient.inputValue(), (text) => text === "", "the recipient");
  assert.ok(![...urls, page.url()].some((url) => /8613800138000|openid-1/.test(url.split("#/search?recipient=openid-1")[0])), "an address has a recipient");

  // A hash is nobody's number.
  await recipient.fill("5d1e90ab77aa41f09c1f5d1e90ab77aa");
  await recipient.press("Enter");
  await page.waitForURL(/recipient=5d1e90ab77aa41f09c1f5d1e90ab77aa/);
  await sees((body) => body.recipient.startsWith("5d1e"));
  scene.old = true;
  await page.locator(".search-form button[type=submit]").click();
  await until(() => asked("search").at(-1).get("recipient"), (told) => told === "5d1e90ab77aa41f09c1f5d1e90ab77aa", "what an older server is asked");
  scene.old = false;
  await close(page);
});

test("a drill asks for its reason, and is started only as it was previewed", async () => {
  const page = await open(base, { place: "#/channels" });
  await page.getByRole("button", { name: "Drill…: oppo" }).click();
  const submit = page.locator("dialog button[type=submit]");
  await submit.click();
  assert.equal(await page.evaluate(() => document.querySelector("dialog form").checkValidity()), false);
  await page.getByLabel("Reason").fill("Friday");
  await submit.click();
  await page.waitForSelector("dialog .diff");
  assert.match(await page.textContent("dialog"), /needs a second person/);
  assert.equal(await submit.textContent(), "Ask for approval");
  await page.getByLabel("Share of messages, %").fill("10");
  assert.equal(await submit.textContent(), "Preview");
  await submit.click();
  await page.waitForSelector("dialog .diff");
  await submit.click();
  await page.waitForSelector("dialog", { state: "detached" });
  const { body, csrf } = asked("operations", "POST").at(-1);
  assert.deepEqual(body, { kind: "drill", channel: "oppo", reason: "Friday", for: "30m", share: 0.1, fault: "refused" });
  assert.equal(csrf, "token");
  await close(page);
});

test("a drill says by what it strikes as the server takes it", async () => {
  const page = await open(base, { place: "#/channels" });
  for (const [fault, value, told] of [["status", "503", { status: 503 }], ["code", "-1", { code: "-1" }], ["delay", "2s", { delay: "2s" }]]) {
    await page.getByRole("button", { name: "Drill…: oppo" }).click();
    await page.locator("dialog select[name=fault]").selectOption(fault);
    await page.getByLabel("Reason").fill("Friday");
    const submit = page.locator("dialog button[type=submit]");
    assert.equal(await page.evaluate(() => document.querySelector("dialog form").checkValidity()), false, `${fault} without a value`);
    await page.locator("dialog input[name=value]").fill(value);
    await submit.click();
    await page.waitForSelector("dialog .diff");
    await submit.click();
    await page.waitForSelector("dialog", { state: "detached" });
    assert.deepEqual(asked("operations", "POST").at(-1).body.fault, told);
  }
  const refused = await fetch(`${base}api/v1/operations`, { method: "POST", body: JSON.stringify({ kind: "drill", fault: "status:503" }) });
  assert.equal(refused.status, 400);
  await close(page);
});

test("an operator may take up a proposal and agree to nothing else, and loses no focus while newer data come", async () => {
  Object.assign(scene, { role: "operator", proposal: true });
  const page = await open(base, { place: "#/nodes" });
  await page.clock.install();
  await visit(page, "#/channels");
  await page.locator(".approvals li").nth(1).waitFor();
  assert.deepEqual(await page.locator(".approvals li").evaluateAll((all) => all.map((one) => one.querySelectorAll("button").length)), [2, 0]);
  const agree = page.getByRole("button", { name: "Agree" });
  await agree.focus();
  const node = await agree.elementHandle();
  const before = asked("operations").length;
  await page.clock.fastForward(11_000);
  await until(() => asked("operations").length, (now) => now > before, "questions for what waits");
  await settled(page);
  assert.equal(await node.evaluate((one) => one === document.activeElement && one.isConnected), true);
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog .diff");
  assert.match(await page.textContent("dialog"), /End the drill/);
  await page.keyboard.press("Escape");
  assert.match(await page.locator("section", { hasText: "Operations log" }).textContent(), /End the drill.*under way/s);
  Object.assign(scene, { role: "approver", proposal: false });
  await close(page);
});

test("who has waited for a second person sees the order done once that one agrees", async () => {
  const page = await open(base, { place: "#/channels" });
  await page.getByRole("button", { name: "Agree" }).click();
  await page.locator("dialog button[type=submit]").click();
  await page.waitForSelector("dialog", { state: "detached" });
  await until(() => page.locator(".approvals").count(), (n) => n === 0, "approvals");
  assert.match(await page.textContent("main"), /Agreed\./);
  await close(page);
});

test("newer data come in place: what is focused and opened stays so", async () => {
  const page = await open(base, { place: "#/nodes" });
  await page.clock.install();
  await visit(page, "#/channels?channel=oppo");
  await page.getByRole("button", { name: "Drill…: oppo" }).focus();
  await page.evaluate(() => { document.querySelector("main details").open = true; });
  const messages = () => page.locator(".channel dd").first().textContent();
  const before = await messages();
  await page.clock.fastForward(11_000);
  await until(messages, (now) => now !== before, "the channel's messages");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Drill…");
  assert.equal(await page.evaluate(() => document.querySelector("main details").open), true);
  await close(page);
});

test("it is plain when records are old and when nobody answers, and what was there stays", async () => {
  const page = await open(base, { place: "#/nodes" });
  await page.clock.install();
  await visit(page, "#/nodes?minutes=15");
  await page.clock.fastForward(1_000);
  await page.route("**/api/v1/**", async (route) => {
    const answer = await route.fetch();
    const json = await answer.json();
    await route.fulfill({ response: answer, json: { ...json, newest_ms: json.now_ms - 300_000 } });
  });
  await page.clock.fastForward(11_000);
  await page.getByText("No record has come since").waitFor();
  await page.unroute("**/api/v1/**");
  await page.route("**/api/v1/**", (route) => route.abort());
  await page.clock.fastForward(11_000);
  await page.getByText("The server has not answered since").waitFor();
  assert.equal(await page.getByRole("link", { name: "OPPO_PUSH" }).count(), 1);
  await page.unroute("**/api/v1/**");
  await page.clock.fastForward(11_000);
  await until(() => page.locator(".banner").count(), (n) => n === 0, "banners");
  await close(page);
});

test("a message of thousands of visits and records is shown at once, and each record when it is asked for", async () => {
  const page = await open(base);
  const begun = Date.now();
  await visit(page, "#/message/ffffffffffffffffffffffff");
  const took = Date.now() - begun;
  assert.ok(took < 5_000, `${took} ms`);
  assert.equal(await page.locator("details.raw").count(), 2_000);
  assert.equal(await page.locator("details.raw pre").count(), 0);
  assert.match(await page.textContent("main"), /1,?700 later visits/);
  await page.locator("details.raw summary").nth(1_999).click();
  assert.match(await page.locator("details.raw pre").textContent(), /"n": 1999/);
  await close(page);
});

test("records stay with what they say when older ones come late, and none is shown twice or left out", async () => {
  const page = await open(base);
  await page.clock.install();
  await visit(page, "#/message/444444444444444444444444");
  const shown = () => page.locator("details.raw summary bdi").allTextContents().then((all) => all.map((text) => text.split(" ")[0]));
  await page.locator("details.raw summary").nth(1).click();
  assert.match(await page.locator("details.raw").nth(1).locator("pre").textContent(), /own-1/);
  scene.receipts = 1;
  await page.clock.fastForward(11_000);
  await until(shown, (all) => all[0] === "late-0", "the records");
  assert.deepEqual(await shown(), ["late-0", "own-0", "own-1", "own-2", "own-3"]);
  assert.match(await page.locator("details.raw[open]").textContent(), /own-1.*"span_id": "own-1"/s);
  await page.getByRole("button", { name: "Load more" }).click();
  await until(shown, (all) => all.length === 7, "the records");
  scene.receipts = 2;
  await page.clock.fastForward(11_000);
  await until(shown, (all) => all.length === 8, "the records");
  assert.deepEqual(await shown(), ["late-0", "late-1", "own-0", "own-1", "own-2", "own-3", "own-4", "own-5"]);
  assert.equal(await page.getByRole("button", { name: "Load more" }).count(), 0);
  scene.receipts = 0;
  await close(page);
});

test("nothing is cut off on a narrow screen or at 200 % zoom", async () => {
  for (const [width, height] of [[640, 400], [360, 740]]) {
    const page = await open(base, { width, height });
    for (const view of VIEWS) {
      await visit(page, `#/${view}`);
      const over = await page.evaluate(() => document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth);
      assert.ok(over <= 0, `${view} is ${over} pixels too wide at ${width}`);
      await picture(page, `${view.replace(/\W+/g, "-")}-${width}`);
    }
    await close(page);
  }
});
