import { setTimeout as delay } from 'node:timers/promises';
import type { AppProcess } from './app-process';
import { LEVELS, type Level } from './ledger';
import { type Load, Target } from './load';
import { ofCrash, type Scenario } from './scenario';
import type { Stage } from './stage';
import { until } from './until';

const KILLS: Readonly<Record<Level, number>> = {
  memory: 10,
  spool: 100,
  'strict-disk': 20,
  'strict-mongo': 20,
};
/** Responses between two kills: on average 600. */
const LEAST_ANSWERS = 350;
const SPREAD_ANSWERS = 500;
const BACKLOG = 6_000;
const ENOUGH = 50_000;

const between = (least: number, spread: number): number => least + Math.floor(Math.random() * spread);

/** Kills at a moment that nothing is in step with. */
async function killSoon(stage: Stage, app: AppProcess, target?: Target): Promise<void> {
  await delay(Math.random() * 20);
  await stage.endApp(app, 'SIGKILL', target);
}

const sigkill: Scenario = {
  name: 'SIGKILL',
  levels: LEVELS,
  mix: { documents: 0.05 },
  allows: ofCrash,
  async run(stage) {
    stage.useSharedDatabase();
    const kills = stage.scaled(KILLS[stage.level], 3);
    const load = stage.load();
    for (let kill = 0; kill < kills; kill++) {
      const app = await stage.startApp();
      await stage.answers(load, between(LEAST_ANSWERS, SPREAD_ANSWERS));
      await killSoon(stage, app);
    }
    await stage.startApp();
    await stage.answers(load, 50);
    stage.notes.push(`${kills} kills`);
    const owed = stage.ledger.obligations(stage.handled()).length;
    if (stage.level === 'spool' && stage.options.scale >= 1)
      stage.expect(owed >= ENOUGH, `at least 50,000 are acknowledged: ${owed}`);
  },
};

/** A process that starts, and is killed before it has done more than to begin. */
const killAtStart: Scenario = {
  name: 'SIGKILL at start',
  levels: LEVELS,
  allows: ofCrash,
  async run(stage) {
    stage.useSharedDatabase();
    const kills = stage.scaled(20, 3);
    const load = stage.load();
    for (let kill = 0; kill < kills; kill++) {
      const app = await stage.startApp();
      await stage.answers(load, between(1, 5));
      await killSoon(stage, app);
    }
    await stage.startApp();
    stage.notes.push(`${kills} kills`);
  },
};

/** What dead processes left is in MongoDB. */
async function isDrained(app: AppProcess): Promise<boolean> {
  const { stats } = await app.state();
  return stats.connected && stats.pending === 0 && stats.captured > 0;
}

const crashInRecovery: Scenario = {
  name: 'crash in recovery',
  levels: ['spool', 'strict-disk'],
  allows: ofCrash,
  async run(stage) {
    const database = await stage.useDatabase();
    const app = await stage.startApp();
    await database.stop();
    const load = stage.load();
    await stage.answers(load, stage.scaled(BACKLOG, 800));
    await stage.endApp(app, 'SIGKILL');
    await load.stop();
    await database.restart();
    const adopters = stage.scaled(10, 3);
    let interrupted = 0;
    for (let adopter = 0; adopter < adopters; adopter++) {
      const before = await stage.look.count();
      const next = await stage.startApp();
      const hasStored = async (): Promise<boolean> => (await stage.look.count()) > before;
      // half of them before they store anything, the others as soon as they do
      if (adopter % 2 === 1) await delay(Math.random() * 120);
      else
        await until(
          'the adopter stores, or has nothing to store',
          async () => (await hasStored()) || isDrained(next),
        );
      await stage.endApp(next, 'SIGKILL');
      if (await hasStored()) interrupted += 1;
    }
    await stage.startApp();
    stage.notes.push(`${adopters} adopters killed, ${interrupted} of them while they stored`);
  },
};

/** Two processes on one directory: each takes its turn to die. */
const twoProcesses: Scenario = {
  name: 'two on one directory',
  levels: LEVELS,
  allows: ofCrash,
  async run(stage) {
    stage.useSharedDatabase();
    const other = new Target();
    const loads: Load[] = [stage.load({ connections: 8 }), stage.load({ connections: 8, target: other })];
    const targets = [stage.target, other];
    const apps = [await stage.startApp(), await stage.startApp(other)];
    for (let kill = 0; kill < stage.scaled(10, 2); kill++) {
      const [load, target, app] = [loads[kill % 2], targets[kill % 2], apps[kill % 2]];
      if (load === undefined || app === undefined) throw new Error('There are two of each');
      await stage.answers(load, between(100, 200));
      await killSoon(stage, app, target);
      apps[kill % 2] = await stage.startApp(target);
    }
    await Promise.all(loads.map((load) => stage.answers(load, 50)));
    await stage.stopLoads();
    const [first] = apps;
    if (first !== undefined) stage.target.up(first.port);
  },
};

const cluster: Scenario = {
  name: 'workers of a cluster',
  levels: LEVELS,
  allows: ofCrash,
  async run(stage) {
    stage.useSharedDatabase();
    stage.environment = { APP_WORKERS: '3' };
    const app = await stage.startApp();
    await until('three workers', () => app.workers.length === 3);
    const load = stage.load();
    for (let kill = 0; kill < stage.scaled(10, 2); kill++) {
      await stage.answers(load, between(200, 200));
      const victim = app.workers.at(kill % app.workers.length);
      if (victim === undefined) throw new Error('There is no worker to kill');
      process.kill(victim, 'SIGKILL');
      await until('another worker', () => !app.workers.includes(victim) && app.workers.length === 3);
    }
    await stage.answers(load, 50);
  },
};

const ended: Scenario = {
  name: 'SIGTERM, MongoDB down',
  levels: LEVELS,
  allows: ofCrash,
  async run(stage) {
    const database = await stage.useDatabase();
    const app = await stage.startApp();
    const load = stage.load();
    await stage.answers(load, 200);
    await database.stop();
    await stage.answers(load, stage.scaled(1_000, 200));
    await stage.endApp(app, 'SIGTERM');
    await database.restart();
    await stage.startApp();
    await stage.answers(load, 50);
  },
};

const blocked: Scenario = {
  name: 'event loop blocked 5 s',
  levels: LEVELS,
  async run(stage) {
    stage.useSharedDatabase();
    const app = await stage.startApp();
    const load = stage.load();
    await stage.answers(load, 200);
    await app.block(5_000);
    await stage.answers(load, 200);
  },
};

export const CRASHES: readonly Scenario[] = [
  sigkill,
  killAtStart,
  crashInRecovery,
  twoProcesses,
  cluster,
  ended,
  blocked,
];
