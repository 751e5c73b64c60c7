import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startApp } from '../support/app';
import { until } from './harness';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const REQUESTS = 800;
const QUERY_CHARS = 14_000;

function heap(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

describe('a waiting event', () => {
  it('keeps nothing of its request alive, also where its type was cut out of a long URL', async () => {
    const app = await startApp({
      options: { mongo: 'mongodb://127.0.0.1:1/none', capture: { query: false } },
      build(server, audit, express) {
        server.use(audit.middleware());
        const router = express.Router();
        router.get('/:id', (_req, res) => void res.end());
        server.use('/organization-members', router);
      },
    });
    const get = async (i: number): Promise<void> => {
      const url = `${app.url}/organization-members/${i}?q=${i}${'x'.repeat(QUERY_CHARS)}`;
      await (await fetch(url)).arrayBuffer();
    };
    for (let i = 0; i < 20; i++) await get(i);
    const before = heap();
    for (let i = 0; i < REQUESTS; i++) await get(i);
    await until(() => app.audit.stats().captured === 20 + REQUESTS);
    // the URLs alone would be 4 MB
    expect(heap() - before).toBeLessThan((REQUESTS * QUERY_CHARS) / 2);
    await app.audit.close({ deadlineMs: 1 });
    await app.close();
  });
});
