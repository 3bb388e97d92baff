// A real Chromium, and what all tests in it have in common: nothing may be refused by the page's policy, and nothing may fail
// without being told.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after } from "node:test";

const tools = process.env.POINTSMAN_PAGE_TOOLS;
const require = createRequire(`${tools}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const pictures = process.env.POINTSMAN_PAGE_PICTURES;

// The sandbox needs rights that a container has not; the page is our own.
const browser = await chromium.launch({ executablePath: join(tools, "bin/chromium"), args: ["--no-sandbox"] });
after(() => browser.close());

// A page of its own. Whatever the browser complains about ends in `complaints`.
export async function open(base, { place = "", scheme = "light", locale = "en-GB", width = 1280, height = 800, ...more } = {}) {
  const context = await browser.newContext({ colorScheme: scheme, locale, viewport: { width, height }, timezoneId: "UTC", ...more });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("console", (message) => {
    // That a request has failed is told by the page itself.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) page.complaints.push(message.text());
  });
  await page.goto(base + place);
  await settled(page);
  return page;
}

// Goes to a view as a link does.
export async function visit(page, place) {
  await page.evaluate((hash) => { location.hash = hash; }, place);
  await settled(page);
}

// Waits until everything that is asked for has been answered.
export async function settled(page) {
  await page.waitForFunction(() => document.querySelector("main h1") && document.querySelector("main").dataset.place === location.hash);
  await page.waitForFunction(() => !document.querySelector("[aria-busy]"));
}

// Ends a page that nobody has complained about.
export async function close(page) {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}

// What axe finds that is serious, as lines.
export async function faults(page) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`));
}

// Waits until `look()` is as wanted, and says what was seen last if it never is.
export async function until(look, wanted, what) {
  let seen;
  for (const end = Date.now() + 10_000; Date.now() < end;) {
    seen = await look();
    if (wanted(seen)) return seen;
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
  assert.fail(`${what}: last seen was ${JSON.stringify(seen)}`);
}

// Keeps a picture where somebody wants to look at it.
export async function picture(page, name) {
  if (pictures) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}
