import { setTimeout as delay } from 'node:timers/promises';
import { LEVELS } from './ledger';
import type { Load } from './load';
import type { Scenario } from './scenario';
import type { Stage } from './stage';

/** Below what a queue of 10,000 holds, at these many requests a second. */
const RATE = 400;

/** Some load before the fault, under it, and behind it. */
async function around(
  stage: Stage,
  begin: () => Promise<void> | void,
  end: () => Promise<void> | void,
): Promise<Load> {
  await stage.startApp();
  const load = stage.load({ rate: RATE });
  await stage.answers(load, 200);
  await begin();
  await stage.answers(load, stage.scaled(2_000, 300));
  await end();
  await stage.answers(load, 200);
  return load;
}

/** MongoDB is away for seconds, and an intent in it cannot be had meanwhile. */
const downAtStart: Scenario = {
  name: 'MongoDB down at start',
  levels: LEVELS,
  async run(stage) {
    const database = await stage.useDatabase();
    await database.stop();
    await stage.startApp();
    const load = stage.load({ rate: RATE });
    await stage.answers(load, stage.scaled(2_000, 300));
    await database.restart();
    await stage.answers(load, 200);
  },
};

const stopped: Scenario = {
  name: 'MongoDB stopped',
  levels: LEVELS,
  async run(stage) {
    const database = await stage.useDatabase();
    await around(
      stage,
      () => database.stop(),
      () => database.restart(),
    );
  },
};

const killed: Scenario = {
  name: 'MongoDB killed',
  levels: LEVELS,
  async run(stage) {
    const database = await stage.useDatabase();
    await around(
      stage,
      () => database.kill(),
      () => database.restart(),
    );
  },
};

/** The fault itself for seconds: closed connections would tell, silence does not. */
const FROZEN_MS = 8_000;

const frozen: Scenario = {
  name: 'MongoDB frozen',
  levels: LEVELS,
  async run(stage) {
    const database = await stage.useDatabase();
    await stage.startApp();
    const load = stage.load({ rate: RATE });
    await stage.answers(load, 200);
    database.freeze();
    await delay(stage.scaled(FROZEN_MS, 2_000));
    database.thaw();
    await stage.answers(load, 200);
  },
};

const primaryKilled: Scenario = {
  name: 'primary killed',
  levels: LEVELS,
  async run(stage) {
    const set = await stage.useReplicaSet();
    await stage.startApp();
    const load = stage.load({ rate: RATE });
    const kills = stage.scaled(stage.level === 'spool' ? 20 : 5, 1);
    for (let kill = 0; kill < kills; kill++) {
      await stage.answers(load, 200);
      const dead = await set.killPrimary();
      await stage.answers(load, 100);
      await dead.restart();
      await set.isWhole();
    }
    await stage.answers(load, 200);
    stage.notes.push(`${kills} kills`);
  },
};

/** More than the queue holds: what is lost is named, to the last event. */
const overflow: Scenario = {
  name: 'queue overflows',
  levels: ['memory'],
  allows: () => ({ loss: 'declared' }),
  async run(stage) {
    stage.settings = { limits: { maxQueueEvents: 500 } };
    const database = await stage.useDatabase();
    await around(
      stage,
      () => database.stop(),
      async () => {
        const { stats } = await stage.app.state();
        stage.expect(stats.state === 'degraded', 'the app says that it is degraded');
        stage.notes.push(`${stats.dropped} dropped by the time MongoDB was back`);
        await database.restart();
      },
    );
  },
};

export const OUTAGES: readonly Scenario[] = [downAtStart, stopped, killed, frozen, primaryKilled, overflow];
