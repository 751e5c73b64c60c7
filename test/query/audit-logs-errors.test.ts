import { EXPRESSES } from '../support/app';
import { logsOf, logsProblem } from './audit-logs-contract';
import { type Ask, ask, authenticate, startTrail, type Trail } from './trail';

const TEXT = 'Must be a text of 1 to 1000 characters.';
const DATE = 'Must be a date-time of RFC 3339';
const TEXTS = [
  'logName',
  'keycloakUuid',
  'keycloakEmail',
  'urlCalled',
  'domain',
  'caller',
  'tableName',
  'entityIdString',
  'association',
];
const NAMES =
  'end_cursor, previous_end_cursor, limit, sort_direction, id, logName, keycloakUuid, keycloakEmail, urlCalled, ip, domain, caller, tableName, entityId, entityIdString, event, association, createdAtFrom, createdAtTo';

describe.each(EXPRESSES)('an error of audit-logs on %s', (_, express) => {
  let trail: Trail;
  let cursors: { end: string; previous: string };
  const get = (query: string, options: Ask = {}) =>
    ask(`${trail.url}/v2/audit-logs${query}`, { scheme: 'Bearer', ...options });

  beforeAll(async () => {
    trail = await startTrail({
      express,
      build: (app, audit) =>
        void app.use('/v2/audit-logs', audit.router({ dialect: 'audit-logs', authenticate })),
    });
    for (let i = 0; i < 3; i++) trail.audit.record({ name: 'Seen', user: 'u1' });
    await trail.audit.flush();
    const { end_cursor: end } = logsOf(await get('?limit=1'));
    const second = logsOf(await get(`?limit=1&end_cursor=${end}`));
    cursors = { end: end ?? '', previous: second.previous_end_cursor ?? '' };
  });

  it.each([
    ['limit=0', 'limit: Must be an integer from 1 to 100. Received "0".'],
    ['limit=101', 'limit: Must be an integer from 1 to 100.'],
    ['limit=1e1', 'limit: Must be an integer'],
    ['sort_direction=up', 'sort_direction: Must be one of asc, desc. Received "up".'],
    ['sort_direction=DESC', "Did you mean 'desc'?"],
    ['id=x', 'id: Must be an integer from 0 to 9007199254740991. Received "x".'],
    ['id=-1', 'id: Must be an integer'],
    ['id=9007199254740992', 'id: Must be an integer'],
    ['entityId=2147483648', 'entityId: Must be an integer from 0 to 2147483647.'],
    ['entityId=007', 'entityId: Must be an integer'],
    ['ip=10.0.0', 'ip: Must be an IPv4 or IPv6 address. Received "10.0.0".'],
    ['ip=', 'ip: Must be an IPv4 or IPv6 address.'],
    ['event=create', 'event: Must be one of created, updated, deleted, associated, disassociated, unknown.'],
    ['event=', 'event: Must be one of'],
    ['createdAtFrom=today', `createdAtFrom: ${DATE}`],
    ['createdAtTo=2026-01-01T00:00:00 01:00', "createdAtTo: The offset's + came as a space"],
    ...TEXTS.flatMap((name): [string, string][] => [
      [`${name}=`, `${name}: ${TEXT} Received "".`],
      [`${name}=${'x'.repeat(1_001)}`, `${name}: ${TEXT}`],
      [
        `${name}[$ne]=1`,
        `${name}[$ne]: Parameters take no brackets: "${name}[$ne]". Did you mean '${name}'?`,
      ],
      [`${name}=1&${name}=2`, `${name}: Must be given once. Received "1" and "2".`],
    ]),
    ['page=1', `page: Unknown parameter: "page". Allowed: ${NAMES}. Received "1".`],
    ['end_curser=x', "Did you mean 'end_cursor'?"],
    ['tenant=b', 'tenant: Unknown parameter'],
    ['$where=1', '$where: Unknown parameter'],
    ['__proto__[x]=1', '__proto__[x]: Parameters take no brackets'],
    ['caller=%FF', 'caller: Must be percent-encoded UTF-8.'],
    ['end_cursor=', 'end_cursor: Must be a text of 1 to 256 characters.'],
    ['end_cursor=x', 'end_cursor: Must be a cursor of an earlier answer.'],
    ['end_cursor=%00', 'end_cursor: Must be a cursor of an earlier answer.'],
    ['end_cursor=%7B%22$gt%22:0%7D', 'end_cursor: Must be a cursor of an earlier answer.'],
    ['previous_end_cursor=MQ', 'previous_end_cursor: Must be a cursor of an earlier answer.'],
    [
      'end_cursor=x&previous_end_cursor=y',
      'previous_end_cursor: Must not be given together with end_cursor.',
    ],
    ['end_cursor=x&end_cursor=y', 'end_cursor: Must be given once.'],
  ])('for ?%s is 400: %s', async (query, message) => {
    expect(logsProblem(await get(`?${query}`))).toEqual({
      status: 400,
      error: 'Bad Request',
      message: expect.stringContaining(message),
    });
  });

  it.each([
    [
      'both cursors',
      () => `end_cursor=${cursors.end}&previous_end_cursor=${cursors.previous}`,
      'Must not be',
    ],
    ['a cursor for the other way', () => `end_cursor=${cursors.previous}`, 'Must be the end_cursor of'],
    ['a cursor as the previous one', () => `previous_end_cursor=${cursors.end}`, 'Must be the previous_end_'],
    [
      'a cursor of another filter',
      () => `end_cursor=${cursors.end}&logName=x`,
      'Must be used with the filters',
    ],
    ['a cursor of another direction', () => `end_cursor=${cursors.end}&sort_direction=asc`, 'the direction'],
    ['a cursor and more', () => `end_cursor=${cursors.end}A`, 'Must be a cursor of an earlier answer.'],
  ])('for %s is 400', async (_what, query, message) => {
    expect(logsProblem(await get(`?${query()}`))).toEqual({
      status: 400,
      error: 'Bad Request',
      message: expect.stringContaining(message),
    });
  });

  it('takes 1000 characters of every text', async () => {
    for (const name of TEXTS) expect((await get(`?${name}=${'x'.repeat(1_000)}`)).status).toBe(200);
  });

  it('for a missing or a wrong credential is 401, with a challenge', async () => {
    const headers = { Authorization: 'Bearer fake-token-nobody' };
    const [missing, invalid] = [await get('', { as: null }), await get('', { as: null, headers })];
    expect(logsProblem(missing)).toMatchObject({ status: 401, error: 'Unauthorized' });
    expect(missing.headers.get('www-authenticate')).toBe('Bearer');
    expect(logsProblem(invalid)).toEqual({ status: 401, error: 'Unauthorized', message: 'Invalid token.' });
    expect(invalid.headers.get('www-authenticate')).toBe('Bearer error="invalid_token"');
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('for %s is 405, with Allow', async (method) => {
    const answer = await get('', { method, as: null });
    expect(logsProblem(answer)).toMatchObject({ status: 405, error: 'Method Not Allowed' });
    expect(answer.headers.get('allow')).toBe('GET, HEAD');
  });

  it('reports nothing to the operator for what a client got wrong', () => {
    expect(trail.errors).toEqual([]);
  });
});
