import { HEADER_BYTES } from '../../lib/record/spool/format';
import { type DeadLog, flips, leave, readLeft, SEGMENTS } from './dead-log';
import { endSpools, eventOf, lossesIn, sequencesOf } from './spool-parts';

const [FIRST, SECOND, THIRD] = SEGMENTS;
const ALL = [1, 2, 3, 4, 5, 6];
/** Of one record of these tests. */
const RECORD_BYTES = 40 + eventOf(1).body.length;
const THREE = HEADER_BYTES + 3 * RECORD_BYTES;

/** Six events, three in a segment. */
function leaveSix(): Promise<DeadLog> {
  return leave(({ journal }) => {
    for (const sequence of ALL) journal.append(eventOf(sequence), false);
  }, THREE);
}

function expectIntact(taken: Awaited<ReturnType<typeof readLeft>>['taken']): void {
  const wrong = taken.filter((one) => {
    if (one.kind === 'loss') return false;
    const { sequence, timestamp, tailAt, body } = eventOf(one.event.sequence);
    const { event } = one;
    const isSame = event.timestamp === timestamp && event.tailAt === tailAt && event.body.equals(body);
    return !isSame || !ALL.includes(sequence);
  });
  // buffers are compared slowly otherwise
  if (wrong.length > 0) expect(wrong).toEqual([]);
}

/** The record, counted from 0, that a byte of a segment belongs to; -1 for the header. */
const recordAt = (at: number): number => Math.floor((at - HEADER_BYTES) / RECORD_BYTES);

describe('a log of three records a segment', () => {
  let log: DeadLog;
  const read = async (changed: Record<string, Buffer | null>) => {
    const answer = await readLeft(log, changed);
    expectIntact(answer.taken);
    return answer;
  };
  const bytesOf = (name: string): Buffer => log.files.get(name) ?? Buffer.alloc(0);

  beforeAll(async () => {
    log = await leaveSix();
    expect([...log.files.keys()]).toEqual([FIRST, SECOND, 'host.json']);
    expect(bytesOf(FIRST)).toHaveLength(THREE);
  });
  afterEach(endSpools);

  it('loses exactly the record in which a bit is flipped, and names it', async () => {
    for (const { at, flipped } of flips(bytesOf(FIRST))) {
      const { taken, damages } = await read({ [FIRST]: flipped });
      const hit = recordAt(at) + 1;
      const lost = hit < 1 ? [] : [hit];
      expect({ at, given: sequencesOf(taken) }).toEqual({ at, given: ALL.filter((one) => one !== hit) });
      expect(lossesIn(taken)).toEqual(lost.map((one) => [one, one]));
      expect(damages).toHaveLength(1);
      expect(damages[0]?.at).toBe(hit < 1 ? 0 : HEADER_BYTES + (hit - 1) * RECORD_BYTES);
    }
  });

  it('loses in the last segment what is named, but for a last record that may have been cut', async () => {
    for (const { at, flipped } of flips(bytesOf(SECOND))) {
      const { taken, damages } = await read({ [SECOND]: flipped });
      const hit = recordAt(at) + 4;
      expect({ at, given: sequencesOf(taken) }).toEqual({
        at,
        given: ALL.filter((one) => hit < 4 || one !== hit),
      });
      expect(lossesIn(taken)).toEqual(hit < 4 || hit === 6 ? [] : [[hit, hit]]);
      expect(damages).toHaveLength(hit === 6 ? 0 : 1);
    }
  });

  it('cut at any byte of its end gives what is whole, and says nothing', async () => {
    const bytes = bytesOf(SECOND);
    for (let length = 0; length < bytes.length; length++) {
      for (const tail of [Buffer.alloc(0), Buffer.alloc(5_000)]) {
        const { taken, damages } = await read({ [SECOND]: Buffer.concat([bytes.subarray(0, length), tail]) });
        const whole = Math.max(0, recordAt(length));
        expect({ length, given: sequencesOf(taken) }).toEqual({ length, given: ALL.slice(0, 3 + whole) });
        expect(lossesIn(taken)).toEqual([]);
        expect(damages).toEqual([]);
      }
    }
  });

  it('cut at any byte of its middle names what was behind the cut', async () => {
    const bytes = bytesOf(FIRST);
    for (let length = 0; length < bytes.length; length++) {
      const { taken } = await read({ [FIRST]: bytes.subarray(0, length) });
      const whole = Math.max(0, recordAt(length));
      const given = ALL.filter((one) => one <= whole || one > 3);
      expect({ length, given: sequencesOf(taken) }).toEqual({ length, given });
      expect(lossesIn(taken)).toEqual([[whole + 1, 3]]);
    }
  });

  it.each(['zeros', 'the bytes of a record of another segment', 'a sync word and a length'])(
    'takes %s behind its end for nothing',
    async (kind) => {
      const junk = {
        zeros: Buffer.alloc(100_000),
        'the bytes of a record of another segment': bytesOf(FIRST).subarray(HEADER_BYTES),
        'a sync word and a length': bytesOf(SECOND).subarray(HEADER_BYTES, HEADER_BYTES + 12),
      }[kind];
      const { taken, damages } = await read({
        [SECOND]: Buffer.concat([bytesOf(SECOND), junk ?? Buffer.alloc(0)]),
      });
      expect(sequencesOf(taken)).toEqual(ALL);
      expect(damages).toEqual([]);
    },
  );

  it('reads on behind bytes in its middle that are no record', async () => {
    const [bytes, junk] = [bytesOf(FIRST), Buffer.alloc(3_000_000, 0xfe)];
    const at = HEADER_BYTES + RECORD_BYTES;
    const { taken, damages } = await read({
      [FIRST]: Buffer.concat([bytes.subarray(0, at), junk, bytes.subarray(at)]),
    });
    expect(sequencesOf(taken)).toEqual(ALL);
    expect(damages).toMatchObject([{ at, number: 1 }]);
    expect(damages[0]?.bytes).toHaveLength(junk.length);
  });

  it('is read by the keys of its headers without host.json, and by that without a header', async () => {
    expect(sequencesOf((await read({ 'host.json': null })).taken)).toEqual(ALL);
    const headless = (name: string): Buffer =>
      Buffer.concat([Buffer.alloc(HEADER_BYTES), bytesOf(name).subarray(HEADER_BYTES)]);
    const { taken } = await read({ [FIRST]: headless(FIRST), [SECOND]: headless(SECOND) });
    expect(sequencesOf(taken)).toEqual(ALL);
  });
});

describe('a log with a hole', () => {
  afterEach(endSpools);

  it('names what a missing segment in its middle held', async () => {
    const log = await leave(({ journal }) => {
      for (const sequence of [...ALL, 7, 8, 9]) journal.append(eventOf(sequence), false);
    }, THREE);
    expect(log.files.has(THIRD)).toBe(true);
    const { taken } = await readLeft(log, { [SECOND]: null });
    expect(sequencesOf(taken)).toEqual([1, 2, 3, 7, 8, 9]);
    expect(taken.filter(({ kind }) => kind === 'loss')).toMatchObject([
      { loss: { writer: log.writer, first: 4, last: 6, from: eventOf(3).timestamp } },
    ]);
  });

  it('takes a missing first segment for one that was deleted', async () => {
    const log = await leaveSix();
    const { taken, damages } = await readLeft(log, { [FIRST]: null });
    expect(sequencesOf(taken)).toEqual([4, 5, 6]);
    expect([lossesIn(taken), damages]).toEqual([[], []]);
  });

  it('does not name what was kept later, out of order', async () => {
    const log = await leave(({ journal }) => {
      for (const sequence of [1, 3, 5, 2, 4, 6]) journal.append(eventOf(sequence), false);
    }, THREE);
    // the record of 5
    const at = HEADER_BYTES + 2 * RECORD_BYTES + 20;
    const bytes = Buffer.from(log.files.get(FIRST) ?? []);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    const { taken } = await readLeft(log, { [FIRST]: bytes });
    expect(sequencesOf(taken)).toEqual([1, 3, 2, 4, 6]);
    expect(lossesIn(taken)).toEqual([[5, 5]]);
  });

  it.each([
    [0, [[10, 10]]],
    [1, []],
  ])('does not name what was never kept beside it (damage to record %i)', async (hit, losses) => {
    const log = await leave(({ journal }) => {
      // the disk was full from 11 to 20
      for (const sequence of [9, 10, 21, 22]) journal.append(eventOf(sequence), false);
    });
    const bytes = Buffer.from(log.files.get(FIRST) ?? []);
    const lengths = [9, 10, 21, 22].map((sequence) => 40 + eventOf(sequence).body.length);
    const at = HEADER_BYTES + (lengths[0] ?? 0) + 20;
    if (hit === 0) bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    const { taken } = await readLeft(log, { [FIRST]: bytes });
    expect(lossesIn(taken)).toEqual(losses);
  });

  it('names a lost event of which only the completion is left', async () => {
    const log = await leave(async ({ journal }) => {
      journal.append(eventOf(1), false);
      const place = journal.append(eventOf(2), true);
      place?.complete(Buffer.from('done'));
    });
    const bytes = Buffer.from(log.files.get(FIRST) ?? []);
    bytes.fill(0, HEADER_BYTES + RECORD_BYTES, HEADER_BYTES + RECORD_BYTES + 9);
    const { taken } = await readLeft(log, { [FIRST]: bytes });
    expect([sequencesOf(taken), lossesIn(taken)]).toEqual([[1], [[2, 2]]]);
  });

  it('gives an event whose completion is damaged as it was opened', async () => {
    const log = await leave(async ({ journal }) => {
      journal.append(eventOf(1), true)?.complete(Buffer.from('done'));
      await journal.sync();
      journal.append(eventOf(2), false);
    });
    const bytes = Buffer.from(log.files.get(FIRST) ?? []);
    bytes.fill(0, HEADER_BYTES + RECORD_BYTES, HEADER_BYTES + RECORD_BYTES + 9);
    const { taken } = await readLeft(log, { [FIRST]: bytes });
    expect([sequencesOf(taken), lossesIn(taken)]).toEqual([[1, 2], []]);
    expectIntact(taken);
  });
});
