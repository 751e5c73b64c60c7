import fc from 'fast-check';
import { type Subject, startSubject } from './harness';
import { jsonTrees, plantedTrees, structuredTexts } from './trees';

const RUNS = { numRuns: 25 };
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
  it('comes back from MongoDB equal, keys in their order', async () => {
    const subject = await startSubject({ options: { dangerouslyRecordSecrets: true } });
    const property = fc.asyncProperty(
      fc.array(jsonTrees, { minLength: 1, maxLength: 60 }),
      async (values) => {
        const before = JSON.stringify(values);
        const stored = await throughMongo(subject, values);
        expect(JSON.stringify(stored)).toBe(before);
        expect(JSON.stringify(values)).toBe(before);
      },
    );
    await fc.assert(property, RUNS);
    await subject.close();
  });

  it('comes back equal as a text, with redaction on', async () => {
    const subject = await startSubject();
    const texts = fc.array(structuredTexts, { minLength: 1, maxLength: 60 });
    const property = fc.asyncProperty(texts, async (values) => {
      expect(await throughMongo(subject, values)).toEqual(values);
    });
    await fc.assert(property, RUNS);
    await subject.close();
  });
});

describe('a secret anywhere in a tree', () => {
  it('is not among the bytes that MongoDB holds, whatever is around it', async () => {
    const subject = await startSubject();
    let run = 0;
    const property = fc.asyncProperty(fc.integer(), async (seed) => {
      run += 1;
      const canary = `Canary${run}Z9x`;
      const values = fc.sample(plantedTrees(canary), { seed, numRuns: 60 });
      const before = JSON.stringify(values);
      const harmful = values.filter((value) => before.length > 0 && JSON.stringify(value).includes(canary));
      expect(harmful.length).toBeGreaterThan(10);
      await throughMongo(subject, harmful);
      const stored = await subject.storedBytes();
      if (stored.includes(canary)) {
        const contents = await throughMongo(subject, harmful);
        const leak = contents.findIndex((content) => JSON.stringify(content).includes(canary));
        throw new Error(`${JSON.stringify(harmful[leak])} became ${JSON.stringify(contents[leak])}`);
      }
      expect(JSON.stringify(values)).toBe(before);
    });
    await fc.assert(property, RUNS);
    await subject.close();
  });
});
