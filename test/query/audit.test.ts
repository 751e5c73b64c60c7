import mongoose from 'mongoose';
import { EXPRESSES } from '../support/app';
import { type AuditTrail, logsOf, problemOf, startAuditTrail } from './audit-contract';
import { type Ask, headersOf, row } from './trail';

const DAY_MS = 86_400_000;
const START = Math.floor(Date.now() / 1_000) * 1_000 - DAY_MS;
/** Milliseconds after the start, with digits of the microseconds. */
const at = (ms: number, micros = '') => new Date(START + ms).toISOString().replace('Z', `${micros}Z`);

const OUTCOME = '0190a6d0-0000-7000-8000-000000000002';
const ann = { id: 'u1', email: 'ann@example.org', name: 'Ann' };
const invitation = {
  name: 'UserInvited',
  requestId: 'req-1',
  source: 'shop',
  kind: 'request',
  method: 'POST',
  url: 'https://shop.example/users?x=1',
  content: { role: 'admin', method: 'GET', nested: [1, null, { a: true }] },
  commitId: new mongoose.mongo.UUID(OUTCOME).toBinary(),
};
const outcome = row(START + 2, {
  uuid: OUTCOME,
  id: 102,
  tenant: 'a',
  actor: ann,
  remoteAddr: '2001:db8::1',
  stored: { ...invitation, status: 'success', statusCode: 201 },
});
const intent = row(START + 2, {
  uuid: '0190a6d0-0000-7000-8000-000000000001',
  id: 101,
  tenant: 'a',
  actor: ann,
  stored: { ...invitation, status: 'intent' },
});
const failed = row(START + 1, {
  id: 210,
  tenant: 'b',
  actor: { id: 'u.2', email: null, name: 'ÄNN' },
  stored: { name: 'gt:odd', status: 'failure', requestId: 'Req_2', content: 'a text', before: { n: 1 } },
});
const anonymous = row(START, { id: 33, stored: { name: 'GET /a%b', source: 'Shop.*', requestId: 'x' } });
const rows = { outcome, intent, failed, anonymous };
const names = new Map(Object.entries(rows).map(([name, { id }]) => [id, name]));
const all = ['outcome', 'intent', 'failed', 'anonymous'];
const pair = ['outcome', 'intent'];
const others = ['failed', 'anonymous'];

const PREDICATES: readonly (readonly [string, readonly string[]])[] = [
  ['id=102', ['outcome']],
  ['id=eq:102', ['outcome']],
  ['id=~eq:10', ['outcome', 'intent', 'failed']],
  ['id=neq:102', ['intent', 'failed', 'anonymous']],
  ...['0102', '102.0', '1e2', 'abc', '-1', '~eq:.*', '~eq:x', '~eq:-1'].map(
    (text) => [`id=${text}`, []] as const,
  ),
  ['id=neq:abc', all],
  ['actor_id=u1', pair],
  ['actor_id=eq:u1', pair],
  ['actor_id=~eq:U', ['outcome', 'intent', 'failed']],
  ['actor_id=~eq:u.', ['failed']],
  ['actor_id=neq:u1', others],
  ['actor_name=Ann', pair],
  ['actor_name=eq:ann', []],
  ['actor_name=~eq:änn', ['failed']],
  ['actor_name=neq:Ann', others],
  ['actor_email=ann@example.org', pair],
  ['actor_email=eq:ann@example.org', pair],
  ['actor_email=~eq:@EXAMPLE', pair],
  ['actor_email=~eq:%25', []],
  ['actor_email=neq:ann@example.org', others],
  ['action=UserInvited', pair],
  ['action=eq:UserInvited', pair],
  ['action=eq:gt:odd', ['failed']],
  ['action=~eq:gt:', ['failed']],
  ['action=neq:gt:odd', ['outcome', 'intent', 'anonymous']],
  ['action=~eq:%25B', ['anonymous']],
  ['action=~eq:.*', []],
  ['action=odd:gt:', []],
  ['action=EQ:UserInvited', []],
  ['action=%20eq:UserInvited', []],
  ['action=~neq:UserInvited', []],
  ['request_id=req-1', pair],
  ['request_id=eq:req-1', pair],
  ['request_id=~eq:REQ', ['outcome', 'intent', 'failed']],
  ['request_id=neq:req-1', others],
  ['source=shop', pair],
  ['source=eq:Shop.*', ['anonymous']],
  ['source=~eq:.*', ['anonymous']],
  ['source=~eq:SHOP', ['outcome', 'intent', 'anonymous']],
  ['source=neq:shop', others],
  ['source=null', []],
  ['status=success', ['outcome', 'anonymous']],
  ['status=eq:failure', ['failed']],
  ['status=intent', ['intent']],
  ['status=neq:success', ['intent', 'failed']],
  ['status=neq:intent', ['outcome', 'failed', 'anonymous']],
  ['actor_id=u1&status=neq:intent', ['outcome']],
  ['actor_id=$ne', []],
  ['actor_id={"$ne":1}', []],
];
const DATES: readonly (readonly [string, readonly string[]])[] = [
  [`created_at=${at(1)}`, ['failed']],
  [`created_at=eq:${at(1)}`, ['failed']],
  [`created_at=neq:${at(1)}`, ['outcome', 'intent', 'anonymous']],
  [`created_at=gt:${at(1)}`, pair],
  [`created_at=gte:${at(1)}`, ['outcome', 'intent', 'failed']],
  [`created_at=lt:${at(1)}`, ['anonymous']],
  [`created_at=lte:${at(1)}`, others],
  [`created_at=eq:${at(1, '001')}`, []],
  [`created_at=neq:${at(1, '001')}`, all],
  [`created_at=gt:${at(0, '999')}`, ['outcome', 'intent', 'failed']],
  [`created_at=gte:${at(1, '001')}`, pair],
  [`created_at=lt:${at(1, '001')}`, others],
  [`created_at=lte:${at(0, '999')}`, ['anonymous']],
  [`before=${at(1)}`, ['anonymous']],
  [`before=${at(1, '001')}`, others],
  [`after=${at(1)}`, pair],
  [`after=${at(0, '999')}`, ['outcome', 'intent', 'failed']],
  [`after=${at(0)}&before=${at(2)}`, ['failed']],
  [`after=${at(2)}&before=${at(0)}`, []],
  [`after=${at(1).replace('Z', '%2B00:00')}`, pair],
];

describe.each(EXPRESSES)('audit on %s', (_, express) => {
  let trail: AuditTrail;
  const found = async (query: string, options?: Ask) =>
    logsOf(await trail.get(query, options)).map(({ id }) => names.get(id));

  beforeAll(async () => {
    trail = await startAuditTrail({ express });
    await trail.store(Object.values(rows));
  });

  it('gives every event, intents too, newest first, in the fields and types of the reference', async () => {
    const logs = logsOf(await trail.get(''));
    expect(logs).toEqual([
      {
        id: 102,
        created_at: at(2),
        actor_id: 'u1',
        actor_name: 'Ann',
        actor_email: 'ann@example.org',
        action: 'UserInvited',
        fields: {
          role: 'admin',
          nested: [1, null, { a: true }],
          method: 'POST',
          url: 'https://shop.example/users?x=1',
          status_code: 201,
        },
        request_id: 'req-1',
        source_ip_address: '2001:db8::1',
        commit_id: OUTCOME,
        status: 'success',
        source: 'shop',
      },
      expect.objectContaining({ id: 101, status: 'intent', commit_id: OUTCOME, source_ip_address: null }),
      expect.objectContaining({
        actor_email: null,
        source: null,
        fields: { content: 'a text', method: null, url: null, status_code: null },
      }),
      expect.objectContaining({
        actor_id: null,
        actor_name: null,
        actor_email: null,
        commit_id: anonymous.uuid,
        fields: { method: null, url: null, status_code: null },
      }),
    ]);
    expect(await found('')).toEqual(all);
  });

  it.each([...PREDICATES, ...DATES])('filters by %s', async (query, expected) => {
    expect(await found(`?${query}`)).toEqual(expected);
  });

  it('keeps a reader to its tenants, whatever is asked', async () => {
    expect(await found('', { as: 'fake-token-a' })).toEqual(pair);
    expect(await found('?id=neq:1', { as: 'fake-token-a-b' })).toEqual([...pair, 'failed']);
    expect(await found('?id=210', { as: 'fake-token-a' })).toEqual([]);
    for (const as of ['fake-token-empty', 'fake-token-absent'] as const)
      expect(await found('', { as })).toEqual([]);
  });

  it('shows a reader without payloads the same, for no payload is in it', async () => {
    const [some, every] = await Promise.all([trail.get('', { as: 'fake-token-no-payload' }), trail.get('')]);
    expect(some.body).toEqual(every.body);
  });

  it('is served with and without trailing slash, and to HEAD, never to be stored', async () => {
    const get = await trail.get('/?limit=2');
    expect(logsOf(get)).toHaveLength(2);
    for (const path of ['?limit=2', '/?limit=2']) {
      const head = await trail.get(path, { method: 'HEAD' });
      expect([head.status, head.text, headersOf(head)]).toEqual([200, '', headersOf(get)]);
    }
    expect(get.headers.get('cache-control')).toBe('no-store');
  });

  it('challenges for a bearer token, and says when the one that was sent is invalid', async () => {
    const nobody = { as: null, headers: { Authorization: 'Bearer fake-token-nobody' } };
    const [missing, other, invalid] = await Promise.all([
      trail.get('', { as: null, headers: { 'X-Request-Id': 'their-own' } }),
      trail.get('', { scheme: 'Token' }),
      trail.get('?limit=x', nobody),
    ]);
    for (const answer of [missing, other]) {
      expect(problemOf(answer)).toMatchObject({
        status: 401,
        message: 'Authentication credentials were not provided.',
      });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
    expect(problemOf(missing).requestId).toBe('their-own');
    expect(problemOf(invalid)).toMatchObject({ status: 401, message: 'Invalid token.' });
    expect(invalid.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
  });

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('answers 405 to %s, with Allow', async (method) => {
    const answer = await trail.get('', { method });
    expect(problemOf(answer)).toMatchObject({ status: 405, message: `Method "${method}" not allowed.` });
    expect(answer.headers.get('allow')).toBe('GET, HEAD');
  });
});
