import {
  constants,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
} from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Fake, like everything that is signed by it. */
export const SECRET = 'fake-secret-of-32-bytes-0123456789';
const LIFETIME_SECONDS = 600;

export const now = () => Math.floor(Date.now() / 1000);

export const KEYS = {
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'another P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  Ed25519: generateKeyPairSync('ed25519'),
} as const;

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signed by node:crypto alone: what is tested must not be what the tokens are made with. */
function signatureOf(text: string, alg: string, key: KeyObject | string | null): Buffer {
  const data = Buffer.from(text);
  const hash = `sha${alg.slice(2)}`;
  if (key === null) return Buffer.alloc(0);
  if (typeof key === 'string') return createHmac(hash, key).update(data).digest();
  if (alg === 'EdDSA' || alg === 'Ed25519') return sign(null, data, key);
  if (alg.startsWith('ES')) return sign(hash, data, { key, dsaEncoding: 'ieee-p1363' });
  if (alg.startsWith('RS')) return sign(hash, data, key);
  return sign(hash, data, {
    key,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  });
}

export interface TokenParts {
  readonly alg?: string;
  readonly key?: KeyObject | string | null;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** A token that is good where nothing is said: of the reader `ada`, who sees all tenants, for ten minutes. */
export function tokenOf({ alg = 'HS256', key = SECRET, header, claims }: TokenParts = {}): string {
  const payload = { sub: 'ada', tenants: '*', exp: now() + LIFETIME_SECONDS, ...claims };
  const text = `${base64url({ alg, typ: 'JWT', ...header })}.${base64url(payload)}`;
  return `${text}.${signatureOf(text, alg, key).toString('base64url')}`;
}

export const pemOf = (key: KeyObject) =>
  createPublicKey(key.export({ format: 'pem', type: 'pkcs8' })).export({
    format: 'pem',
    type: 'spki',
  }) as string;

export const jwkOf = (key: KeyObject, rest: object = {}) => ({ ...key.export({ format: 'jwk' }), ...rest });

export interface KeyServer {
  readonly uri: string;
  /** What it answers, with 200 where a key set is given. */
  answer: { readonly keys: readonly JsonWebKey[] } | { readonly status: number } | string;
  readonly requests: () => number;
  close(): Promise<void>;
}

/** A real server of a key set on the loopback. */
export async function startKeyServer(answer: KeyServer['answer']): Promise<KeyServer> {
  let requests = 0;
  const server = createServer((_req, res) => {
    requests += 1;
    const { answer } = self;
    if (typeof answer !== 'string' && 'status' in answer) {
      res.writeHead(answer.status, { Location: '/elsewhere' }).end();
      return;
    }
    res.setHeader('Content-Type', 'application/json');
    res.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const self: KeyServer = {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys?fake=secret`,
    answer,
    requests: () => requests,
    async close() {
      if (!server.listening) return;
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return self;
}
