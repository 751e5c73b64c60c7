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

/** A fault of the way to MongoDB under load, after which requests go on. */
function onTheWay(
  name: string,
  fault: (gateway: Gateway, stage: Stage, answers: (count: number) => Promise<void>) => Promise<void>,
): Scenario {
  return {
    name,
    levels: LEVELS,
    async run(stage) {
      const gateway = await useGateway(stage);
      await stage.startApp();
      const load = stage.load({ rate: RATE });
      const answers = (count: number): Promise<void> => stage.answers(load, count);
      await answers(200);
      await fault(gateway, stage, answers);
      await answers(200);
    },
  };
}

export const NETWORK: readonly Scenario[] = [
  onTheWay('black hole', async (gateway, stage) => {
    gateway.freeze();
    await delay(stage.scaled(10_000, 2_000));
    gateway.thaw();
  }),
  onTheWay('answers 2 s late', async (gateway, stage) => {
    gateway.delay(1_000);
    await delay(stage.scaled(10_000, 3_000));
    gateway.delay(0);
  }),
  onTheWay('connections reset', async (gateway, stage, answers) => {
    for (let resets = 0; resets < stage.scaled(40, 5); resets++) {
      await answers(Math.floor(Math.random() * 150));
      gateway.reset();
    }
  }),
  // the commit happened, and nobody was told
  onTheWay('answer lost after commit', async (gateway, stage, answers) => {
    for (let lost = 0; lost < stage.scaled(20, 4); lost++) {
      await answers(50);
      await gateway.loseAnswerOf('insert');
    }
  }),
];
