import fc from 'fast-check';
import { type Subject, withSubject } from './harness';
import { jsonTrees, plantedTrees, structuredTexts } from './trees';

const RUNS = { numRuns: 20 };
const LIMITS = { maxTimeMS: 20_000 };

/** Stores every value in an event of its own, in a real MongoDB, and reads all of them back. */
async function throughMongo(subject: Subject, values: readonly unknown[]): Promise<readonly unknown[]> {
  const uuids = values.map((content) => subject.audit.record({ name: 'Property', content }));
  await subject.audit.flush();
  const read = (uuid: string) => subject.audit.reader.get({ tenants: '*' }, uuid, LIMITS);
  const events = await Promise.all(uuids.map(read));
  return events.map((event) => event?.content);
}

describe('any JSON that fits', () => {
  it('comes back from MongoDB equal, keys in their order', () =>
    withSubject({ options: { dangerouslyRecordSecrets: true } }, async (subject) => {
      const trees = fc.array(jsonTrees, { minLength: 1, maxLength: 60 });
      const property = fc.asyncProperty(trees, async (values) => {
        const before = JSON.stringify(values);
        expect(JSON.stringify(await throughMongo(subject, values))).toBe(before);
        expect(JSON.stringify(values)).toBe(before);
      });
      await fc.assert(property, RUNS);
    }));

  it('comes back equal as a text, with redaction on', () =>
    withSubject({}, async (subject) => {
      const texts = fc.array(structuredTexts, { minLength: 1, maxLength: 60 });
      const property = fc.asyncProperty(texts, async (values) => {
        expect(await throughMongo(subject, values)).toEqual(values);
      });
      await fc.assert(property, RUNS);
    }));
});

describe('a secret anywhere in a tree', () => {
  it('is not among the bytes that MongoDB holds, whatever is around it', () =>
    withSubject({}, async (subject) => {
      let run = 0;
      const property = fc.asyncProperty(fc.integer(), async (seed) => {
        run += 1;
        const canary = `Canary${run}Z9x`;
        const trees = fc.sample(plantedTrees(canary), { seed, numRuns: 60 });
        const harmful = trees.filter((tree) => JSON.stringify(tree).includes(canary));
        const before = JSON.stringify(harmful);
        expect(harmful.length).toBeGreaterThan(10);
        const contents = await throughMongo(subject, harmful);
        const leak = contents.findIndex((content) => JSON.stringify(content).includes(canary));
        expect([harmful[leak], contents[leak]]).toEqual([undefined, undefined]);
        expect((await subject.storedBytes()).includes(canary)).toBe(false);
        expect(JSON.stringify(harmful)).toBe(before);
      });
      await fc.assert(property, { ...RUNS, endOnFailure: true });
    }));
});
