// A server with made-up answers, to work on the page without the program: `node stub.mjs [PORT]`. What vendors and callers
// control is hostile here.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { answer } from "./fixture.mjs";

const page = new URL("../../page/", import.meta.url);
const TYPES = { js: "text/javascript", css: "text/css", html: "text/html", svg: "image/svg+xml" };
export const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

export const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://stub");
  if (url.pathname.startsWith("/api/v1/")) {
    let body = "";
    for await (const piece of request) body += piece;
    const [status, value] = answer(request.method, url.pathname.slice(8), url.searchParams, body ? JSON.parse(body) : null, request.headers["x-csrf-token"]);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    return;
  }
  const name = url.pathname === "/" ? "index.html" : url.pathname.replace(/^\/assets\/[^/]*\//, "");
  try {
    let text = await readFile(new URL(name.startsWith("uPlot") ? `vendor/${name}` : name, page));
    if (name === "style.css") text = Buffer.concat([await readFile(new URL("vendor/uPlot.min.css", page)), text]);
    response.writeHead(200, { "content-type": TYPES[name.split(".").pop()], "content-security-policy": CSP }).end(text);
  } catch {
    response.writeHead(404).end();
  }
});

if (process.argv[1] === fileURLToPath(import.meta.url)) server.listen(Number(process.argv[2] ?? 8099), "127.0.0.1", () => console.log("ready"));
