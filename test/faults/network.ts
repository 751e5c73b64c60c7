import { setTimeout as delay } from 'node:timers/promises';
import { type Gateway, startGateway } from '../delivery/gateway';
import { LEVELS } from './ledger';
import type { Scenario } from './scenario';
import type { Stage } from './stage';

const RATE = 400;

/** The app reaches MongoDB through a gateway, the oracle directly. */
async function useGateway(stage: Stage): Promise<Gateway> {
  const database = await stage.startDatabase();
  const gateway = await startGateway(database.port);
  stage.defer(() => gateway.close());
  stage.useMongo(`mongodb://127.0.0.1:${gateway.port}/?directConnection=true`, database.uri);
  return gateway;
}

const blackHole: Scenario = {
  name: 'black hole',
  levels: LEVELS,
  async run(stage) {
    const gateway = await useGateway(stage);
    await stage.startApp();
    const load = stage.load({ rate: RATE });
    await stage.answers(load, 200);
    gateway.freeze();
    await delay(stage.scaled(10_000, 2_000));
    gateway.thaw();
    await stage.answers(load, 200);
  },
};

const delayed: Scenario = {
  name: 'answers 2 s late',
  levels: LEVELS,
  async run(stage) {
    const gateway = await useGateway(stage);
    await stage.startApp();
    const load = stage.load({ rate: RATE });
    await stage.answers(load, 200);
    gateway.delay(1_000);
    await delay(stage.scaled(10_000, 3_000));
    gateway.delay(0);
    await stage.answers(load, 200);
  },
};

const reset: Scenario = {
  name: 'connections reset',
  levels: LEVELS,
  async run(stage) {
    const gateway = await useGateway(stage);
    await stage.startApp();
    const load = stage.load({ rate: RATE });
    for (let resets = 0; resets < stage.scaled(40, 5); resets++) {
      await stage.answers(load, Math.floor(Math.random() * 150));
      gateway.reset();
    }
    await stage.answers(load, 200);
  },
};

/** The commit happened, and nobody was told. */
const answerLost: Scenario = {
  name: 'answer lost after commit',
  levels: LEVELS,
  async run(stage) {
    const gateway = await useGateway(stage);
    await stage.startApp();
    const load = stage.load({ rate: RATE });
    for (let answers = 0; answers < stage.scaled(20, 4); answers++) {
      await stage.answers(load, 50);
      await gateway.loseAnswerOf('insert');
    }
    await stage.answers(load, 200);
  },
};

export const NETWORK: readonly Scenario[] = [blackHole, delayed, reset, answerLost];
