import { DEMO_PASSWORD } from './shop';

const USERS = ['ann', 'bob', 'eve', 'joe'] as const;
const TENANTS = ['acme', 'globex'] as const;
const AGENTS = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0',
  'curl/8.5.0',
  'okhttp/4.12.0',
  'python-requests/2.32.3',
] as const;
const CALLERS = ['web', 'app', 'back-office'] as const;
const ROUNDS = 24;
const READ_OF_STREAM_MS = 300;

function pick<T>(values: readonly [T, ...T[]], index: number): T {
  return values[index % values.length] ?? values[0];
}

interface Call {
  readonly method?: string;
  readonly json?: unknown;
  readonly body?: FormData | URLSearchParams;
  readonly headers?: Readonly<Record<string, string>>;
}

type Send = (path: string, call?: Call) => Promise<unknown>;

/** A client of the shop with a user, a tenant and a program of its own. */
function createClient(base: string, index: number): Send {
  const identity = {
    'X-User': pick(USERS, index),
    'X-Tenant': pick(TENANTS, index),
    'X-Caller': pick(CALLERS, index),
    'User-Agent': pick(AGENTS, index),
    'X-Request-Id': `demo-${index}-${Date.now().toString(36)}`,
  };
  return async function send(path, { method = 'GET', json, body, headers } = {}) {
    const init: RequestInit = { method, headers: { ...identity, ...headers } };
    if (json !== undefined) {
      init.headers = { ...identity, ...headers, 'Content-Type': 'application/json' };
      init.body = JSON.stringify(json);
    } else if (body !== undefined) {
      init.body = body;
    }
    const response = await fetch(base + path, init);
    const text = await response.text();
    return text.startsWith('{') ? JSON.parse(text) : text;
  };
}

async function shopping(send: Send, index: number): Promise<void> {
  const item = (await send('/items', {
    method: 'POST',
    json: { name: `Lamp ${index}`, price: 10 + index, meta: { colour: 'green', 'a.b': [1, null] } },
  })) as { id: string };
  await send(`/items/${item.id}?verbose=1&access_token=demo-secret-${index}`);
  await send(`/items/${item.id}`, { method: 'PATCH', json: { price: 9.5 + index } });
  await send(`/items/${item.id}`, { method: 'PUT', json: { name: `Desk lamp ${index}`, price: 0 } });
  if (index % 3 === 0) await send(`/items/${item.id}`, { method: 'DELETE' });
  await send('/items?tag=new&tag=sale');
}

async function mistakes(send: Send, index: number): Promise<void> {
  await send('/items', { method: 'POST', json: { price: 'cheap' } });
  await send('/items/000000000000000000000000');
  await send(`/no/such/page/${index}`);
  await send('/login', {
    method: 'POST',
    json: { username: pick(USERS, index), password: `wrong-${index}` },
  });
  if (index % 6 === 0) await send('/boom');
}

async function odds(send: Send, index: number): Promise<void> {
  await send('/ping');
  await send('/login', {
    method: 'POST',
    body: new URLSearchParams({ username: pick(USERS, index), password: DEMO_PASSWORD }),
  });
  if (index % 8 !== 0) return;
  const form = new FormData();
  form.set('title', 'A list of prices');
  form.set('file', new Blob([`price,${index}\n`.repeat(100)], { type: 'text/csv' }), 'prices.csv');
  await send('/upload', { method: 'POST', body: form });
}

/** A client that reads a little of a stream and leaves. */
async function leaveEarly(base: string): Promise<void> {
  const controller = new AbortController();
  const response = await fetch(`${base}/stream`, { headers: { 'X-User': 'ann' }, signal: controller.signal });
  await response.body?.getReader().read();
  setTimeout(() => controller.abort(), READ_OF_STREAM_MS);
}

/** A few hundred varied requests over real HTTP. */
export async function sendTraffic(base: string): Promise<void> {
  const early = Promise.all([leaveEarly(base), createClient(base, 0)('/slow')]);
  for (let index = 0; index < ROUNDS; index++) {
    const send = createClient(base, index);
    await Promise.all([shopping(send, index), mistakes(send, index), odds(send, index)]);
  }
  await early;
}
