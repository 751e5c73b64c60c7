import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { createHealth } from '../lib/health';
import { EXPRESSES, startApp, type TestApp } from './support/app';

describe.each(EXPRESSES)('audit.health() on %s', (_, express) => {
  let app: TestApp;
  beforeEach(async () => {
    app = await startApp({
      express,
      build(app, audit) {
        app.use('/healthz', audit.health());
        app.use(audit.middleware());
        app.get('/hello', (_req, res) => void res.send('hello'));
      },
    });
  });
  afterEach(() => app.close());

  it('answers the figures of stats(), never from a cache, and is no event where it is mounted in front', async () => {
    await fetch(`${app.url}/hello`);
    await app.audit.flush();
    const response = await fetch(`${app.url}/healthz`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
    const figures = await response.json();
    expect(figures).toEqual(app.audit.stats());
    expect(figures).toMatchObject({ state: 'healthy', captured: 1, delivered: 1, connected: true });
  });

  it('answers HEAD like GET, without the body', async () => {
    const [get, head] = await Promise.all(
      ['GET', 'HEAD'].map((method) => fetch(`${app.url}/healthz`, { method })),
    );
    expect(head?.status).toBe(200);
    expect(await head?.text()).toBe('');
    for (const name of ['content-type', 'content-length', 'cache-control'])
      expect(head?.headers.get(name)).toBe(get?.headers.get(name));
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('refuses %s, and says what is allowed', async (method) => {
    const response = await fetch(`${app.url}/healthz`, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
  });

  it('shows figures only: nothing of any event', async () => {
    await fetch(`${app.url}/hello?who=canary-of-a-query`);
    const text = await (await fetch(`${app.url}/healthz`)).text();
    expect(text).not.toContain('canary');
    const isFigure = (value: unknown): boolean =>
      ['number', 'boolean'].includes(typeof value) ||
      (typeof value === 'object' && value !== null && Object.values(value).every(isFigure));
    const { state, ...figures } = JSON.parse(text) as Record<string, unknown>;
    expect(['healthy', 'degraded']).toContain(state);
    expect(Object.entries(figures).filter(([, value]) => !isFigure(value))).toEqual([]);
  });
});

describe('audit.health()', () => {
  it('answers at once while MongoDB cannot be reached', async () => {
    const app = await startApp({
      options: { mongo: 'mongodb://127.0.0.1:9', onError: () => {} },
      build: (app, audit) => void app.use('/healthz', audit.health()),
    });
    const response = await fetch(`${app.url}/healthz`);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ connected: false });
    app.server.closeAllConnections();
    app.server.close();
    await app.audit.close({ deadlineMs: 1 });
  });

  it.each([
    ['healthy', 200],
    ['degraded', 200],
    ['rejecting', 503],
  ])('answers, while the state is %s, with %d', async (state, status) => {
    const server = express()
      .use(createHealth(() => ({ state, captured: 7 })))
      .listen(0, '127.0.0.1');
    await once(server, 'listening');
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ state, captured: 7 });
    server.closeAllConnections();
    server.close();
  });
});
