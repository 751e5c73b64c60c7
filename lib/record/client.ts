import UAParser from 'ua-parser-js';
import { unescapeText } from '../escape';
import type { Client } from '../event';

/** Longest part of a user agent that is looked at; real ones are far shorter. */
const LONGEST_AGENT = 512;
const CACHED_AGENTS = 500;

/** Programs that call APIs: ua-parser-js does not know them. */
const API_CLIENTS: readonly (readonly [RegExp, string])[] = [
  [/^curl\//i, 'curl'],
  [/^Wget\//i, 'Wget'],
  [/^PostmanRuntime\//i, 'Postman'],
  [/^insomnia\//i, 'Insomnia'],
  [/^HTTPie\//i, 'HTTPie'],
  [/^okhttp\//i, 'okhttp'],
  [/^axios\//i, 'axios'],
  [/^got[ /(]/i, 'got'],
  [/^node-superagent\//i, 'superagent'],
  [/^node-fetch\//i, 'node-fetch'],
  [/^(node|undici)(\/|$)/i, 'node'],
  [/^python-requests\//i, 'python-requests'],
  [/^python-httpx\//i, 'httpx'],
  [/^aiohttp\/|^Python\/[\d.]+ aiohttp\//i, 'aiohttp'],
  [/^Python-urllib\//i, 'python-urllib'],
  [/^Go-http-client\//i, 'go'],
  [/^(Apache-HttpClient|Java)\//i, 'java'],
  [/^(GuzzleHttp|PHP)\//i, 'php'],
  [/^(Ruby|Faraday)/i, 'ruby'],
  [/^(Dart)\//i, 'dart'],
];
const BOT = /bot\b|crawler|spider|slurp|monitoring|headlesschrome/i;
const VERSION = /^[ /]?v?(\d+(?:\.\d+){0,2})/;

const KINDS: Readonly<Record<string, Client['kind']>> = {
  mobile: 'mobile',
  tablet: 'tablet',
  smarttv: 'tv',
  console: 'device',
  wearable: 'device',
  embedded: 'device',
};

function join(...parts: (string | undefined)[]): string | null {
  const text = parts.filter((part) => part !== undefined && part !== '').join(' ');
  return text === '' ? null : text;
}

function parse(agent: string): Client {
  for (const [pattern, name] of API_CLIENTS) {
    const product = pattern.exec(agent)?.[0];
    if (product === undefined) continue;
    const version = VERSION.exec(agent.slice(product.length))?.[1];
    return { browser: join(name, version), os: null, device: null, kind: 'api' };
  }
  const { browser, os, device } = new UAParser(agent).getResult();
  const name = join(browser.name, browser.version?.split('.')[0]);
  let kind: Client['kind'] = KINDS[device.type ?? ''] ?? (name === null ? 'unknown' : 'browser');
  if (BOT.test(agent)) kind = 'bot';
  return { browser: name, os: join(os.name, os.version), device: join(device.vendor, device.model), kind };
}

/** The agent to parse: null where a secret in it was masked, for its parts would show it. */
export function visibleAgent(agent: string | null, stored: string | null): string | null {
  return stored !== null && unescapeText(stored) === agent ? agent : null;
}

/** Tells programs apart by their User-Agent. Clients choose the keys, so the cache is bounded. */
export function createClientParser(): (agent: string | null) => Client | null {
  const cache = new Map<string, Client>();
  return function clientOf(agent) {
    if (agent === null || agent === '') return null;
    // a slice would keep the whole header in the cache
    const key = agent.length > LONGEST_AGENT ? Buffer.from(agent.slice(0, LONGEST_AGENT)).toString() : agent;
    const cached = cache.get(key);
    if (cached !== undefined) return cached;
    const client = parse(key);
    if (cache.size >= CACHED_AGENTS) cache.delete(cache.keys().next().value as string);
    cache.set(key, client);
    return client;
  };
}
