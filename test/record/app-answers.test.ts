import { Types } from 'mongoose';
import type { AuditOptions } from '../../lib/index';
import { EXPRESSES, startApp } from '../support/app';
import { exchange, get } from './raw-client';

type Answers = Pick<AuditOptions, 'user' | 'tenant' | 'labels' | 'name' | 'action' | 'skip'>;

const DEFAULTS = {
  user: null,
  tenant: null,
  labels: {},
  name: 'GET /things/:id',
  action: 'access',
  statusCode: 200,
};
const throwing = (): never => {
  throw new Error('the session store is down');
};
const textless = Object.create(null) as object;
/** As JavaScript gives them, without types in the way. */
const loose = (answers: Record<string, unknown>): Answers => answers as Answers;

const OBJECT_ID = new Types.ObjectId();
const OPTIONS = ['user', 'tenant', 'labels', 'name', 'action', 'skip'] as const;

describe.each(EXPRESSES)('the functions among the options, on %s', (_, express) => {
  async function run(answers: Answers, target = '/things/7') {
    const app = await startApp({
      express,
      options: { ...answers, ensureIndexes: false },
      build(app, audit) {
        app.use(audit.middleware());
        app.get('/things/:id', (req, res) => {
          res.write('begun');
          Object.assign(req, { user: { id: 'late' } });
          res.end(' and done');
        });
      },
    });
    await app.audit.ready();
    const answer = await exchange(app.url, get(target));
    const [events, errors] = [await app.events(), [...app.errors]];
    await app.close();
    return { answer, events, errors };
  }

  it.each<[string, Answers, object]>([
    ['an ObjectId', loose({ user: () => OBJECT_ID }), { user: { id: String(OBJECT_ID), email: null } }],
    ['bytes', loose({ user: () => ({ id: Buffer.from('beef', 'hex') }) }), { user: { id: 'beef' } }],
    ['a tenant that is an ObjectId', loose({ tenant: () => OBJECT_ID }), { tenant: String(OBJECT_ID) }],
    ['a user', { user: () => ({ id: 7, email: 'a@b.c', name: 'Ada' }) }, { user: { id: '7', name: 'Ada' } }],
    ['a bare id', { user: () => 7 }, { user: { id: '7', email: null, name: null } }],
    ['nobody', { user: () => null }, { user: null }],
    ['req.user, by default, as it is at the end', {}, { user: { id: 'late' } }],
    ['a tenant', { tenant: (req) => req.hostname }, { tenant: 'shop.example' }],
    ['a tenant that is a number', loose({ tenant: () => 42 }), { tenant: '42' }],
    ['labels', { labels: () => ({ company: 'acme', shard: 3 }) }, { labels: { company: 'acme', shard: 3 } }],
    ['a name', { name: (req) => `Thing${req.params.id}Read` }, { name: 'Thing7Read' }],
    ['an action', { action: () => 'delete' }, { action: 'delete' }],
    ['no skip', { skip: () => false }, {}],
  ])('are asked: %s', async (_case, answers, expected) => {
    const { events, errors } = await run(answers);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ ...DEFAULTS, user: expect.anything(), ...expected });
    expect(errors).toEqual([]);
  });

  it.each<[string, Answers]>([
    ['nothing', loose({ user: () => undefined, tenant: () => null, labels: () => null, name: () => null })],
    ['empty texts', loose({ user: () => '', tenant: () => '', name: () => '', action: () => '' })],
    [
      'wrong types',
      loose({
        user: () => true,
        tenant: () => ({}),
        labels: () => 7,
        name: () => ({}),
        action: () => 'remove',
      }),
    ],
    ['wrong labels', loose({ user: () => ({}), labels: () => ({ a: {}, b: null, c: true, d: undefined }) })],
    ['a skip that is not true', loose({ user: () => null, skip: () => 'yes' })],
  ])('leave the defaults where they answer %s', async (_case, answers) => {
    const { events } = await run(answers);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject(DEFAULTS);
  });

  it.each(OPTIONS)('cost their own field only when they throw: %s', async (option) => {
    const { answer, events, errors } = await run({ user: () => null, [option]: throwing });
    expect(answer).toMatch(/begun.* and done/s);
    expect(events).toMatchObject([DEFAULTS]);
    expect(errors[0]).toMatchObject({
      code: 'AUDIT_CALLBACK_FAILED',
      message: expect.stringContaining(`'${option}' threw`),
    });
  });

  it.each(OPTIONS)('are told to answer at once when they give a promise: %s', async (option) => {
    const rejecting = async () => throwing();
    const { events, errors } = await run(loose({ user: () => null, [option]: rejecting }));
    expect(events).toMatchObject([DEFAULTS]);
    expect(errors[0]).toMatchObject({
      code: 'AUDIT_CALLBACK_FAILED',
      message: expect.stringContaining(`'${option}' returned a promise`),
    });
  });

  it.each<[string, Answers]>([
    ['a user whose id throws', loose({ user: () => Object.defineProperty({}, 'id', { get: throwing }) })],
    ['a user whose id is no text', loose({ user: () => ({ id: textless }) })],
    ['a tenant that is no text', loose({ user: () => null, tenant: () => textless })],
    [
      'labels that throw',
      loose({
        user: () => null,
        labels: () => Object.defineProperty({}, 'a', { get: throwing, enumerable: true }),
      }),
    ],
  ])('cost their own field only when they give %s', async (_case, answers) => {
    const { events, errors } = await run(answers);
    expect(events).toMatchObject([DEFAULTS]);
    expect(errors[0]).toMatchObject({ code: 'AUDIT_CALLBACK_FAILED' });
  });

  it.each<[string, Answers]>([
    ['of other members', loose({ user: () => ({ uid: 5 }) })],
    ['without members', { user: () => ({}) }],
  ])('are told once a request when they give a user %s', async (_case, answers) => {
    const { events, errors } = await run(answers);
    expect(events).toMatchObject([DEFAULTS]);
    expect(errors).toMatchObject([
      {
        code: 'AUDIT_CALLBACK_FAILED',
        message: expect.stringContaining("'user' returned an object with none of id, _id, sub, email, name"),
      },
    ]);
  });

  it('may say that a user has no id', async () => {
    const { events, errors } = await run(loose({ user: () => ({ id: null, email: undefined }) }));
    expect(events).toMatchObject([DEFAULTS]);
    expect(errors).toEqual([]);
  });

  it('leave a request out of the trail, by its answer', async () => {
    const asked: number[] = [];
    const { answer, events } = await run({
      skip: (_req, res) => {
        asked.push(res.statusCode);
        return res.statusCode === 200;
      },
    });
    expect(answer).toContain('200 OK');
    expect(events).toEqual([]);
    expect(asked).toEqual([200]);
    expect((await run({ skip: (_req, res) => res.statusCode === 200 }, '/nowhere')).events).toHaveLength(1);
  });
});
