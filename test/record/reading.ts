import type { Express } from 'express';
import { type Audit, staticTokens } from '../../lib/index';

const TOKEN = 'fake-token-of-a-test';

/** Mounts the audit-events API for `readBack`. */
export function mountApi(app: Express, audit: Audit): void {
  const authenticate = staticTokens({ [TOKEN]: { id: 'tester', tenants: '*' } });
  app.use('/audit-events', audit.router({ authenticate }));
}

/** An event as the API serves it: the body's text, so that a test can parse it as it likes. */
export async function readBack(url: string, audit: Audit, uuid: string | null): Promise<string> {
  await audit.flush();
  const headers = { authorization: `Token ${TOKEN}` };
  const response = await fetch(`${url}/audit-events/${uuid}/`, { headers });
  if (response.status !== 200) throw new Error(`The API answered ${response.status}.`);
  return response.text();
}

export function postJson(url: string, body: string): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
}
