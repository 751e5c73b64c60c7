import { type Audit, createAudit } from '../../lib/index';
import { freshUri } from '../support/app';
import { listOf } from './contract';
import { ask, authenticate, closedAtEnd, startTrail } from './trail';

const TYPES = ['orders', 'Orders', 'users', '$ne', '__proto__', 'constructor', '␛005f', 'é', ' ', 'a.b', '0'];

/** Records one event of each type, in an order of its own. */
function recordAll(audit: Audit, turn: number): void {
  const order = [...TYPES.slice(turn), ...TYPES.slice(0, turn)];
  for (const type of order) audit.record({ name: 'Seen', object: { type, id: '1' } });
}

async function numbersAt(url: string): Promise<ReadonlyMap<string, ReadonlySet<number>>> {
  const numbers = new Map<string, Set<number>>();
  for (const { object_type, content_type } of listOf(await ask(`${url}/?limit=1000`)).results)
    numbers.set(object_type, (numbers.get(object_type) ?? new Set()).add(content_type));
  return numbers;
}

describe('the integer of a content type', () => {
  it('counts from 1 in order of first use, and stays the same in another audit', async () => {
    const mongo = freshUri();
    for (const turn of [0, 3, 7]) {
      const trail = await startTrail({ options: { mongo } });
      recordAll(trail.audit, turn);
      await trail.audit.flush();
      const expected = new Map(TYPES.map((type, i) => [type, new Set([i + 1])]));
      expect(await numbersAt(`${trail.url}/audit-events`)).toEqual(expected);
    }
  });

  it('is one for each type, however many audits use it first at the same time', async () => {
    const mongo = freshUri();
    const options = { mongo, flushIntervalMs: 1, auditReads: false };
    const audits = Array.from({ length: 6 }, () => closedAtEnd(createAudit(options)));
    const { url } = await startTrail({
      build: (app) => audits.forEach((audit, i) => void app.use(`/${i}`, audit.router({ authenticate }))),
    });
    await Promise.all(audits.map((audit) => audit.ready()));
    audits.forEach(recordAll);
    await Promise.all(audits.map((audit) => audit.flush()));
    const numbers = await numbersAt(`${url}/0`);
    expect([...numbers.keys()].sort()).toEqual([...TYPES].sort());
    expect([...numbers.values()].map(({ size }) => size)).toEqual(TYPES.map(() => 1));
    expect(new Set([...numbers.values()].flatMap((each) => [...each])).size).toBe(TYPES.length);
    for (const i of audits.keys()) expect(await numbersAt(`${url}/${i}`)).toEqual(numbers);
  });

  it('finds the events of that type, and nothing when it was never given', async () => {
    const trail = await startTrail();
    recordAll(trail.audit, 0);
    trail.audit.record({ name: 'Again', object: { type: 'users', id: '2' } });
    await trail.audit.flush();
    for (const [i, type] of TYPES.entries()) {
      const { results, count } = listOf(await trail.get(`/?content_type=${i + 1}`));
      expect(results.map(({ object_type }) => object_type)).toEqual(
        Array(type === 'users' ? 2 : 1).fill(type),
      );
      expect(count).toBe(results.length);
    }
    for (const number of [0, TYPES.length + 1, 2_147_483_647])
      expect(listOf(await trail.get(`/?content_type=${number}`)).count).toBe(0);
  });
});
