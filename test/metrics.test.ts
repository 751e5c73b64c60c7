import { register as defaultRegister, Registry } from 'prom-client';
import { type Audit, AuditOptionError, createAudit } from '../lib/index';
import { createMetrics, type MetricsSource } from '../lib/metrics';
import { freshUri, startApp } from './support/app';

const STATS: MetricsSource = {
  state: 'healthy',
  connected: true,
  captured: 9,
  delivered: 4,
  pending: 2,
  droppedByReason: { queue_full: 2, closed: 0 },
  quarantined: 1,
  rejected: 3,
  queueBytes: 4_096,
  spoolBytes: 65_536,
  oldestAgeMs: 1_500,
};

/** The samples of a scrape, by what stands in front of the value. */
async function scrape(register: Registry): Promise<Record<string, number>> {
  const lines = (await register.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => [line.replace(/ \S+$/, ''), Number(line.split(' ').at(-1))]));
}

let register: Registry;
beforeEach(() => {
  register = new Registry();
});

describe('audit.metrics()', () => {
  it('shows by HTTP what stats() says at the moment of the scrape', async () => {
    const app = await startApp({
      build(app, audit) {
        app.get('/metrics', (_req, res, next) => {
          register.metrics().then((text) => res.type(register.contentType).send(text), next);
        });
        app.use(audit.middleware());
        app.get('/hello', (_req, res) => void res.send('hello'));
      },
    });
    app.audit.metrics({ register });
    await app.audit.ready();
    const seen = async (): Promise<string> => (await fetch(`${app.url}/metrics`)).text();
    expect(await seen()).toContain('\nexpress_audit_events_delivered_total 0\n');
    await fetch(`${app.url}/hello`);
    await fetch(`${app.url}/hello`);
    await app.audit.flush();
    const text = await seen();
    expect(text).toContain('\nexpress_audit_events_captured_total 2\n');
    expect(text).toContain('\nexpress_audit_events_delivered_total 2\n');
    expect(text).toContain('\nexpress_audit_events_connected 1\n');
    expect(text).toContain('\nexpress_audit_events_state{state="healthy"} 1\n');
    expect(await seen()).toBe(text);
    await app.close();
  });

  it('has a name, a type and a unit for every figure, by the conventions of Prometheus', async () => {
    createMetrics(() => STATS)({ register });
    expect(await scrape(register)).toEqual({
      express_audit_events_captured_total: 9,
      express_audit_events_delivered_total: 4,
      'express_audit_events_dropped_total{reason="queue_full"}': 2,
      'express_audit_events_dropped_total{reason="closed"}': 0,
      express_audit_events_quarantined_total: 1,
      express_audit_events_rejected_total: 3,
      express_audit_events_pending: 2,
      express_audit_events_queue_bytes: 4_096,
      express_audit_events_spool_bytes: 65_536,
      express_audit_events_oldest_age_seconds: 1.5,
      express_audit_events_connected: 1,
      'express_audit_events_state{state="healthy"}': 1,
      'express_audit_events_state{state="degraded"}': 0,
      'express_audit_events_state{state="rejecting"}': 0,
    });
    const types = (await register.getMetricsAsJSON()).map(({ name, type }) => [name, type]);
    for (const [name, type] of types)
      expect(`${type}`).toBe(`${name}`.endsWith('_total') ? 'counter' : 'gauge');
  });

  it('follows the state, one that it does not know too', async () => {
    let state = 'degraded';
    createMetrics(() => ({ ...STATS, state }))({ register });
    const states = async () => {
      const samples = Object.entries(await scrape(register)).filter(([name]) => name.includes('_state{'));
      return samples.filter(([, value]) => value === 1).map(([name]) => /"(.*)"/.exec(name)?.[1]);
    };
    expect(await states()).toEqual(['degraded']);
    state = 'rejecting';
    expect(await states()).toEqual(['rejecting']);
    state = 'novel';
    expect(await states()).toEqual(['novel']);
    state = 'healthy';
    expect(await states()).toEqual(['healthy']);
  });
});

describe('two audits', () => {
  let audits: Audit[];
  beforeEach(() => {
    audits = [1, 2].map(() => createAudit({ mongo: freshUri(), ensureIndexes: false }));
  });
  afterEach(async () => {
    defaultRegister.clear();
    await Promise.all(audits.map((audit) => audit.close()));
  });

  it('share a registry by prefixes, and each shows its own figures', async () => {
    audits[0]?.metrics({ register });
    audits[1]?.metrics({ register, prefix: 'shop_audit_' });
    audits[1]?.record({ name: 'Counted' });
    expect(await scrape(register)).toMatchObject({
      express_audit_events_captured_total: 0,
      shop_audit_captured_total: 1,
    });
  });

  it('never meet silently: the second is told of the prefix, and registers nothing', async () => {
    audits[0]?.metrics();
    const before = defaultRegister.getMetricsAsArray().length;
    expect(() => audits[1]?.metrics()).toThrow(AuditOptionError);
    expect(() => audits[1]?.metrics()).toThrow(/'express_audit_events_captured_total' already.*prefix/);
    expect(defaultRegister.getMetricsAsArray()).toHaveLength(before);
    expect(await scrape(defaultRegister)).toMatchObject({ express_audit_events_captured_total: 0 });
  });
});

describe('a wrong option of metrics()', () => {
  const metrics = createMetrics(() => STATS) as (options: unknown) => void;

  it.each([
    [{ prefix: '1-' }, /Option 'prefix' of metrics\(\)/],
    [{ prefix: 7 }, /Option 'prefix' of metrics\(\)/],
    [{ register: {} }, /Option 'register' of metrics\(\)/],
    [{ registry: new Registry() }, /'registry' of metrics\(\) is not known\. Did you mean 'register'/],
  ])('is named, with the remedy (%#)', (options, message) => {
    expect(() => metrics(options)).toThrow(AuditOptionError);
    expect(() => metrics(options)).toThrow(message);
  });
});

describe('without prom-client', () => {
  afterEach(() => {
    jest.dontMock('prom-client');
    jest.resetModules();
  });

  it('everything works but metrics(), which says what to install', async () => {
    jest.resetModules();
    jest.doMock('prom-client', () => {
      throw Object.assign(new Error("Cannot find module 'prom-client'"), { code: 'MODULE_NOT_FOUND' });
    });
    const alone = require('../lib/index') as typeof import('../lib/index');
    const audit = alone.createAudit({ mongo: freshUri(), ensureIndexes: false });
    expect(() => audit.metrics()).toThrow(alone.AuditOptionError);
    expect(() => audit.metrics()).toThrow(/npm install prom-client/);
    expect(audit.record({ name: 'Kept' })).not.toBe('');
    await audit.close();
    expect(audit.stats()).toMatchObject({ delivered: 1 });
  });
});
