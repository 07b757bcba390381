// A webhook receiver in Node.js (18 or newer), without any package: copy `verify` and `takeOver` into your site.
//
//     BTL_WEBHOOK_SECRET=whsec_… COMMENTS_DIR=comments PORT=9000 node receiver.mjs
//
// It keeps one JSON file for each comment where your site would have a row. docs/webhooks.md describes the events.
import { createHmac, timingSafeEqual } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";

const secret = Buffer.from(process.env.BTL_WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
const folder = process.env.COMMENTS_DIR ?? "comments";

function verify(headers, body) {
  const id = headers["webhook-id"] ?? "";
  const timestamp = headers["webhook-timestamp"] ?? "";
  if (!/^[0-9]{1,12}$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) {
    return false; // too old, or a clock that is wrong
  }
  const hmac = createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(body);
  const expected = Buffer.from("v1," + hmac.digest("base64"));
  // Several signatures, space-separated, while a secret is being changed. Compared in constant time.
  return (headers["webhook-signature"] ?? "").split(" ").some((given) => {
    const one = Buffer.from(given);
    return one.length === expected.length && timingSafeEqual(one, expected);
  });
}

// Once and in order: an event whose sequence is not newer than the last one is a repeat or came late.
function takeOver({ type, data }) {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(data.id)) throw new Error("not an id");
  const path = `${folder}/${data.id}.json`;
  const known = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : { sequence: 0 };
  if (data.sequence <= known.sequence) return;
  const comment = { ...known, sequence: data.sequence, status: data.status };
  if (type === "comment.approved" || type === "comment.edited") {
    Object.assign(comment, { name: data.name, body: data.body }); // publish, or replace
  } else if (type !== "appeal.decided") {
    delete comment.name; // take down, and do not keep what must not be read
    delete comment.body;
  }
  mkdirSync(folder, { recursive: true });
  writeFileSync(path + ".new", JSON.stringify(comment));
  renameSync(path + ".new", path);
}

const server = createServer((request, response) => {
  const answer = (status) => response.writeHead(status).end();
  if (request.method !== "POST" || request.url !== "/webhooks") return answer(404);
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts); // the raw bytes: a parsed and re-written document no longer matches
    if (!verify(request.headers, body)) return answer(401);
    try {
      const event = JSON.parse(body);
      if (/^(comment|appeal)\./.test(event.type)) takeOver(event);
    } catch (fault) {
      console.error(fault.message);
      return answer(500);
    }
    answer(204); // only now: anything else makes the sender try again
  });
});
server.listen(Number(process.env.PORT ?? 9000), "127.0.0.1");
