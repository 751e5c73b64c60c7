import type { RequestHandler } from 'express';
import { EXPRESSES } from '../support/app';
import { get, type Subject, startSubject } from './harness';

const CANARY = 'Canary-path-Z9x';
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJaOXgifQ.Z9xZ9xZ9x';
const answer: RequestHandler = (_req, res) => void res.json({});
const fail: RequestHandler = ({ params }, _res, next) =>
  next(new Error(`no ${Object.values(params).flat().at(-1)}`));

type Case = readonly [target: string, url: string, route: string];

const EVERYWHERE: readonly Case[] = [
  [`/merged/${CANARY}/orders`, '/merged/REDACTED/orders', '/merged/:token/orders'],
  [`/hidden/${JWT}/orders`, '/hidden/REDACTED/orders', '/hidden/REDACTED/orders'],
  [`/reset/password/${CANARY}/orders`, '/reset/password/REDACTED/orders', '/reset/password/REDACTED/orders'],
  ['/merged/merged/orders', '/REDACTED/REDACTED/orders', '/merged/:token/orders'],
];
const OF_FIVE: readonly Case[] = [
  [`/w/a/${CANARY}`, '/w/REDACTED/REDACTED', '/w/*token'],
  [`/w-fails/a/${CANARY}`, '/w-fails/REDACTED/REDACTED', '/w-fails/*token'],
  [`/maybe-fails/${CANARY}`, '/maybe-fails/REDACTED', '/maybe-fails{/:token}'],
  ['/maybe-fails', '/maybe-fails', '/maybe-fails{/:token}'],
  ['/v1/maybe', '/v1/maybe', '/v1/maybe{/:token}'],
  [`/many/a/${CANARY}`, '/many/REDACTED/REDACTED', '/many/REDACTED/REDACTED'],
  ['/same/same', '/same/same', '/same/*path'],
];

describe.each(EXPRESSES)('a parameter of a path on %s', (name, express) => {
  const isFive = name === 'Express 5';
  let subject: Subject;
  beforeAll(async () => {
    subject = await startSubject({
      express,
      routes(app, { Router }) {
        const merged = Router({ mergeParams: true });
        merged.get('/orders', answer);
        merged.get('/', answer);
        const hidden = Router();
        hidden.get('/orders', answer);
        app.use('/merged/:token', merged);
        app.use(['/hidden/:token', '/reset/password/:token'], hidden);
        if (!isFive) return;
        app.get('/w/*token', answer);
        app.get('/w-fails/*token', fail);
        app.get('/maybe-fails{/:token}', fail);
        const maybe = Router();
        maybe.get('/maybe{/:token}', answer);
        app.use('/v1', maybe);
        app.use('/many/*token', merged);
        const same = Router();
        same.get('/*path', answer);
        app.use('/same', same);
      },
    });
  });
  afterAll(() => subject.close());

  it.each([...EVERYWHERE, ...(isFive ? OF_FIVE : [])])(
    'is hidden by its name or looks, also where it is an error: %s',
    async (target, url, route) => {
      const event = await subject.record(get(target));
      expect(event.url).toBe(`${subject.url}${url}`);
      expect(event).toMatchObject({ route, name: `GET ${route}`, object: { type: 'request' } });
      expect(JSON.stringify(event)).not.toContain('Z9x');
    },
  );
});
