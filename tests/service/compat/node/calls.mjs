// Runs one client's calls against a server and prints what came back as one line of JSON.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const [, , client, base, key] = process.argv;
const SPAM = "Earn $5000 a day with bitcoin!!! Click https://best-crypto-profits.top/join now, guaranteed";
const HAM = "The new ferry timetable is a real improvement, thank you for the clear article.";
const RUDE = "You are a stupid idiot and everybody hates you. Shut up, moron.";

async function failure(act) {
  try {
    await act();
    return null;
  } catch (error) {
    return { status: error.status ?? error.response?.status ?? null, message: error.message, code: error.code ?? null };
  }
}

const clients = {
  async "akismet-api"() {
    const { AkismetClient } = require("akismet-api");
    const at = { host: new URL(base).host, protocol: "http", blog: "https://news.example" };
    const akismet = new AkismetClient({ key, ...at });
    const wrong = new AkismetClient({ key: "wrongwrong12", ...at });
    const spam = { ip: "203.0.113.7", content: SPAM, name: "Crypto King", email: "king@best-crypto-profits.top" };
    return {
      verified: await akismet.verifyKey(),
      wrong: await wrong.verifyKey(),
      guaranteed: await akismet.checkSpam({ ip: "203.0.113.7", name: "viagra-test-123", content: "hello" }),
      administrator: await akismet.checkSpam({ ...spam, role: "administrator" }),
      honeypot: await akismet.checkSpam({ ip: "203.0.113.7", content: HAM, honeypot: "filled in" }),
      spam: await akismet.checkSpam(spam),
      ham: await akismet.checkSpam({ ip: "203.0.113.7", content: HAM, name: "Ann", email: "ann@example.org" }),
      submitted: [(await akismet.submitSpam(spam)).text, (await akismet.submitHam({ ...spam, content: HAM })).text],
      refused: await failure(() => wrong.checkSpam(spam)),
    };
  },
  async "@cedx/akismet"() {
    const { Author, Blog, CheckResult, Client, Comment } = await import("@cedx/akismet");
    const blog = new Blog({ url: new URL("https://news.example/"), languages: ["en"], charset: "utf-8" });
    const akismet = new Client(key, blog, { baseUrl: base });
    const author = (name, more) => new Author({ name, ipAddress: "203.0.113.7", userAgent: "Test/1.0", ...more });
    const comment = (name, content, more) =>
      new Comment({ author: author(name, more), content, context: ["ferry", "timetable"], date: new Date() });
    const names = Object.fromEntries(Object.entries(CheckResult).map(([name, value]) => [value, name]));
    await akismet.submitHam(comment("Ann", HAM));
    await akismet.submitSpam(comment("Crypto King", SPAM));
    return {
      verified: await akismet.verifyKey(),
      wrong: await new Client("wrongwrong12", blog, { baseUrl: base }).verifyKey(),
      guaranteed: names[await akismet.checkComment(comment("viagra-test-123", "hello"))],
      administrator: names[await akismet.checkComment(comment("Ann", SPAM, { role: "administrator" }))],
      spam: names[await akismet.checkComment(comment("Crypto King", SPAM))],
      ham: names[await akismet.checkComment(comment("Ann", HAM))],
    };
  },
  async openai() {
    const { default: OpenAI } = await import("openai");
    const openai = new OpenAI({ apiKey: key, baseURL: `${base}/v1`, maxRetries: 0 });
    const wrong = new OpenAI({ apiKey: "btl_wrong", baseURL: `${base}/v1`, maxRetries: 0 });
    const parts = [{ type: "text", text: RUDE }, { type: "text", text: HAM }];
    const image = [...parts, { type: "image_url", image_url: { url: "https://example.org/a.png" } }];
    return {
      one: await openai.moderations.create({ input: RUDE }),
      many: await openai.moderations.create({ input: [RUDE, HAM], model: "omni-moderation-latest" }),
      parts: await openai.moderations.create({ input: parts, model: "text-moderation-stable" }),
      image: await failure(() => openai.moderations.create({ input: image })),
      wrong: await failure(() => wrong.moderations.create({ input: HAM })),
    };
  },
  async "perspective-api-client"() {
    const axios = require("axios");
    axios.interceptors.request.use((config) => ({
      ...config,
      url: config.url.replace("https://commentanalyzer.googleapis.com", base),
    }));
    const Perspective = require("perspective-api-client");
    const perspective = new Perspective({ apiKey: key });
    const wrong = new Perspective({ apiKey: "wrong" });
    const attributes = ["toxicity", "insult", "profanity", "spam"];
    return {
      rude: await perspective.analyze(RUDE, { attributes }),
      ham: await perspective.analyze(HAM),
      spans: await perspective.analyze(
        { comment: { text: `😀 ${HAM} ${RUDE}` }, requestedAttributes: { TOXICITY: {} }, spanAnnotations: true },
        { stripHTML: false },
      ),
      unknown: await failure(() => perspective.analyze(HAM, { attributes: ["flirtation"] })),
      wrong: await failure(() => wrong.analyze(HAM)),
    };
  },
  async standardwebhooks() {
    const { Webhook } = await import("standardwebhooks");
    const [secret, headers, body] = JSON.parse(process.env.BTL_WEBHOOK);
    const webhook = new Webhook(secret);
    const told = webhook.verify(body, headers);
    return { told, changed: await failure(async () => webhook.verify(`${body} `, headers)) };
  },
};

console.log(JSON.stringify(await clients[client]()));
