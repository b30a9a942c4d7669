// webhooks.js SETTLE [WORKFLOWS]: a real engine delivers to a receiver that is made of other people's code: signatures by the
// npm package standardwebhooks, events by cloudevents. Ends with "N passed, N failed".
'use strict';

const childProcess = require('child_process');
const fs = require('fs');
const http = require('http');
const os = require('os');
const path = require('path');
const {HTTP, CloudEvent} = require('cloudevents');
const {Webhook} = require('standardwebhooks');

const [binary, count = '20'] = process.argv.slice(2);
let passed = 0, failed = 0;

function check(holds, what) {
  if (holds) {
    ++passed;
  } else {
    ++failed;
    console.error(`FAILED: ${what}`);
  }
}

function throws(work) {
  try {
    work();
    return false;
  } catch {
    return true;
  }
}

function receive(deliveries) {
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      deliveries.push({headers: request.headers, body: Buffer.concat(chunks).toString('utf8')});
      response.writeHead(204).end();
    });
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** Runs the engine in a folder of its own until `work(url)` is over. */
async function withEngine(origin, work) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'settle-interop-'));
  const config = path.join(folder, 'settle.toml');
  fs.writeFileSync(config, `[webhooks]\nallow_private = ["${origin}"]\n`);
  const engine = childProcess.spawn(binary, ['serve', '--data', path.join(folder, 'data'), '--config', config, '--listen',
                                             '127.0.0.1:0', '--dev'], {stdio: ['ignore', 'ignore', 'pipe']});
  try {
    const url = await new Promise((resolve, reject) => {
      let text = '';
      engine.stderr.on('data', (chunk) => {
        text += chunk;
        const found = /settle listening on (http:\S+)\n/.exec(text);
        if (found) resolve(found[1]);
      });
      engine.on('exit', () => reject(new Error(`the engine ended:\n${text}`)));
    });
    await work(url);
  } finally {
    engine.removeAllListeners('exit');
    const ended = new Promise((resolve) => engine.on('exit', resolve));
    engine.kill();
    await ended;
    fs.rmSync(folder, {recursive: true});
  }
}

async function ask(url, method, target, body) {
  const answer = await fetch(url + target, {method, headers: {'Content-Type': 'application/json'},
                                            body: body === undefined ? undefined : JSON.stringify(body)});
  const document = await answer.json();
  if (!answer.ok) throw new Error(`${method} ${target}: ${answer.status} ${JSON.stringify(document)}`);
  return document;
}

async function until(condition, what) {
  const end = Date.now() + 30_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function verifies(secret, delivery, body = delivery.body) {
  return !throws(() => new Webhook(secret).verify(body, delivery.headers));
}

/** One delivery, as it came, and spoilt in every way that a signature is to notice. */
function judge(delivery, secret, other) {
  const id = delivery.headers['webhook-id'];
  check(verifies(secret, delivery), `${id}: the signature verifies`);
  check(!verifies(other, delivery), `${id}: not with another secret`);
  check(!verifies(secret, delivery, delivery.body.replace('1.0', '1.1')), `${id}: not with another body`);
  const late = {...delivery, headers: {...delivery.headers, 'webhook-timestamp': '1000000000'}};
  check(!verifies(secret, late), `${id}: not with another time`);
  const event = HTTP.toEvent({headers: delivery.headers, body: delivery.body});
  check(event instanceof CloudEvent && event.validate() === true, `${id}: it is a valid CloudEvent`);
  const plain = JSON.parse(delivery.body);
  check(event.id === plain.id && event.source === plain.source && event.type === plain.type && event.subject === plain.subject &&
        event.time === plain.time && event.sequence === plain.sequence && event.cursor === plain.cursor,
        `${id}: its attributes are read as they were written`);
  check(JSON.stringify(event.data) === JSON.stringify(plain.data), `${id}: and its data`);
  return event;
}

async function main() {
  const deliveries = [];
  const server = await receive(deliveries);
  const origin = `http://127.0.0.1:${server.address().port}`;
  await withEngine(origin, async (url) => {
    const first = (await ask(url, 'PUT', '/v1/subscriptions/interop', {url: `${origin}/hooks`})).secret;
    const plan = {name: 'interop', actions: [{id: 'tell', tool: 'flow.emit', input: {type: 'order.shipped', data: {text: 'ä€😀\u2028"\\'}}}]};
    for (let i = 0; i < Number(count); ++i) await ask(url, 'POST', '/v1/workflows', {id: `w-${i}`, plan});
    let events = [];
    for (let after = ''; ;) {
      const page = await ask(url, 'GET', `/v1/events?limit=1000${after}`);
      if (page.events.length === 0) break;
      events = events.concat(page.events);
      after = `&after=${page.next_after}`;
    }
    await until(() => deliveries.length >= events.length, 'every event has come');
    const before = deliveries.slice();
    const second = (await ask(url, 'POST', '/v1/subscriptions/interop:rotate_secret', {overlap: '1h'})).secret;
    const seen = before.map((delivery) => judge(delivery, first, second));
    check(new Set(seen.map((event) => `${event.source} ${event.id}`)).size === events.length, 'each event once');
    check(seen.some((event) => event.type === 'emitted.order.shipped' && event.data.data.text === 'ä€😀\u2028"\\'), 'text as it was');
    await ask(url, 'POST', '/v1/workflows', {id: 'rotated', plan});
    await until(() => deliveries.length > before.length, 'an event has come after the secret was rotated');
    check(verifies(first, deliveries[before.length]), 'while it is rotated the old secret verifies');
    check(verifies(second, deliveries[before.length]), 'and the new one');
  });
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed > 0 ? 1 : 0);  // the receiver may still have connections
}

main().catch((error) => {
  console.error(error);
  console.log(`${passed} passed, ${failed + 1} failed`);
  process.exit(1);
});
