import { MongoMemoryServer } from 'mongodb-memory-server-core';
import { findMongod } from '../../examples/find-mongod';
import { LEVELS } from './ledger';
import type { Scenario } from './scenario';
import type { Stage } from './stage';
import type { Look } from './stored';

const PASSWORD = 'fake-password-of-a-test';
const RATE = 400;

/** A MongoDB that asks who is there; its root. */
async function useGuarded(stage: Stage): Promise<Look> {
  process.env.MONGOMS_SYSTEM_BINARY_VERSION_CHECK = 'false';
  const mongod = await MongoMemoryServer.create({
    binary: { systemBinary: await findMongod() },
    auth: { enable: true, customRootName: 'root', customRootPwd: PASSWORD },
    instance: { ip: '127.0.0.1', storageEngine: 'wiredTiger', args: ['--nounixsocket'] },
    spawn: { detached: true },
  });
  stage.defer(() => mongod.stop());
  const uriOf = (user: string): string =>
    `${mongod.getUri().replace('//', `//${user}:${PASSWORD}@`)}?authSource=admin`;
  stage.useMongo(uriOf('app'), uriOf('root'));
  return stage.look;
}

const readOnly: Scenario = {
  name: 'user may only read',
  levels: LEVELS,
  async run(stage) {
    const root = await useGuarded(stage);
    await root.command({ createUser: 'app', pwd: PASSWORD, roles: ['readAnyDatabase'] }, 'admin');
    await stage.startApp();
    const load = stage.load({ rate: RATE });
    await stage.answers(load, stage.scaled(1_000, 200));
    await root.command({ grantRolesToUser: 'app', roles: ['readWriteAnyDatabase'] }, 'admin');
    await stage.answers(load, 200);
  },
};

const validator: Scenario = {
  name: 'validator refuses some',
  levels: LEVELS,
  mix: { poison: 0.03 },
  async run(stage) {
    stage.useSharedDatabase();
    await stage.look.command({ create: 'auditevents', validator: { route: { $ne: '/poison/:id' } } });
    await stage.startApp();
    const load = stage.load({ rate: RATE });
    await stage.answers(load, stage.scaled(2_000, 300));
  },
};

export const REFUSALS: readonly Scenario[] = [readOnly, validator];
