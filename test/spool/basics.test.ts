import { readdir } from 'node:fs/promises';
import {
  adoptAll,
  crash,
  endSpools,
  eventOf,
  makeDirectory,
  releaseAll,
  sequencesOf,
  startSpool,
  takeAll,
  until,
  withTail,
} from './spool-parts';

describe('a spool', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await makeDirectory();
  });
  afterEach(endSpools);

  it('gives back what was spilled, joined with its tail', async () => {
    const spool = startSpool(directory);
    const { journal } = spool;
    const events = [1, 2, 3].map((sequence) => eventOf(sequence));
    const places = events.map((event) => journal.append(event, true));
    for (const [i, place] of places.entries()) place?.complete(Buffer.from(`done ${i}`));
    for (const place of places) place?.spill();
    expect(journal.state()).toMatchObject({ isWritable: true, backlog: 3, oldest: events[0]?.timestamp });
    const taken = await takeAll(spool);
    expect(taken.map((one) => one.kind === 'event' && one.event.body.toString())).toEqual(
      events.map((event, i) => withTail(event, `done ${i}`).toString()),
    );
    expect(journal.state()).toMatchObject({ backlog: 0, oldest: null });
    releaseAll(taken);
    await until(() => journal.state().bytes === 0);
  });

  it('gives what a dead process left to another', async () => {
    const dead = startSpool(directory);
    const events = [1, 2, 3, 4].map((sequence) => eventOf(sequence));
    const places = events.map((event) => dead.journal.append(event, true));
    places[0]?.complete(Buffer.from('done'));
    places[1]?.replace(eventOf(2, 'replaced'), false);
    places[2]?.complete(Buffer.from('done'));
    expect(await dead.journal.sync()).toBe(true);
    places[2]?.release();
    await crash(dead);
    const { taken, journal, writer } = await adoptAll(directory);
    expect(sequencesOf(taken)).toEqual([1, 3, 4, 2]);
    const [first, , last, replaced] = taken.map((one) => one.kind === 'event' && one.event.body.toString());
    expect(first).toBe(withTail(eventOf(1), 'done').toString());
    expect(last).toBe(eventOf(4).body.toString());
    expect(replaced).toBe(eventOf(2, 'replaced').body.toString());
    releaseAll(taken);
    await until(async () => (await readdir(directory)).length === 2);
    expect(await readdir(directory)).toContain(`${writer}.${writer}`);
    await journal.close();
    expect(await readdir(directory)).toEqual([]);
  });

  it('leaves nothing behind when everything was released', async () => {
    const { journal } = startSpool(directory);
    journal.append(eventOf(1), false)?.release();
    await journal.close();
    expect(await readdir(directory)).toEqual([]);
  });
});
