import express, { type ErrorRequestHandler, type Express, type RequestHandler, Router } from 'express';
import type { Audit } from 'express-audit-events';
import { type Connection, Schema } from 'mongoose';
import multer from 'multer';
import { z } from 'zod';

const STREAM_INTERVAL_MS = 500;
const SLOW_MS = 2_000;
const MAX_UPLOAD_BYTES = 5 * 1024 * 1024;
/** The one password of the demo. */
export const DEMO_PASSWORD = 'open sesame';

function itemModel(connection: Connection, audit: Audit) {
  const itemSchema = new Schema(
    { name: { type: String, required: true }, price: Number, meta: Schema.Types.Mixed },
    { versionKey: false, minimize: false, bufferCommands: false },
  );
  // #region changes
  itemSchema.plugin(audit.changes());
  const Item = connection.model('Item', itemSchema, 'items');
  // #endregion
  return Item;
}

/** Other keys are left out, so that an item can be sent back as it came. */
const newItem = z.object({
  name: z.string().min(1),
  price: z.number().optional(),
  meta: z.unknown().optional(),
});
const itemChanges = newItem.partial();
const credentials = z.looseObject({ username: z.string(), password: z.string() });

class HttpError extends Error {
  override readonly name = 'HttpError';
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new HttpError(400, `${issue?.path.join('.') || 'body'}: ${issue?.message}`);
}

interface ItemDocument {
  readonly _id: unknown;
  readonly name?: unknown;
  readonly price?: unknown;
  readonly meta?: unknown;
}

function toItem(item: ItemDocument | null) {
  if (item === null) throw new HttpError(404, 'No such item');
  return { id: String(item._id), name: item.name, price: item.price, meta: item.meta };
}

function itemRoutes(connection: Connection, audit: Audit): Router {
  const Item = itemModel(connection, audit);
  const router = Router();
  router.param('id', (_req, _res, next, id) => {
    next(/^[0-9a-f]{24}$/i.test(id) ? undefined : new HttpError(404, 'No such item'));
  });
  router.get('/', async (_req, res) => {
    const items = await Item.find().sort({ _id: -1 }).limit(100).lean();
    res.json(items.map(toItem));
  });
  router.post('/', async (req, res) => {
    const item = await Item.create(parse(newItem, req.body));
    res.status(201).json(toItem(item));
  });
  router.get('/:id', async (req, res) => {
    res.json(toItem(await Item.findById(req.params.id).lean()));
  });
  router.put('/:id', async (req, res) => {
    const item = parse(newItem, req.body);
    res.json(
      toItem(await Item.findOneAndReplace({ _id: req.params.id }, item, { returnDocument: 'after' }).lean()),
    );
  });
  router.patch('/:id', async (req, res) => {
    const changes = { $set: parse(itemChanges, req.body) };
    res.json(
      toItem(await Item.findByIdAndUpdate(req.params.id, changes, { returnDocument: 'after' }).lean()),
    );
  });
  router.delete('/:id', async (req, res) => {
    res.json(toItem(await Item.findByIdAndDelete(req.params.id).lean()));
  });
  return router;
}

/** Who somebody is: a real app knows its users, the demo believes everybody. */
export function person(id: string) {
  return { id, email: `${id}@example.org`, name: id.charAt(0).toUpperCase() + id.slice(1) };
}

// #region handler
const logIn: RequestHandler = (req, res) => {
  const { username, password } = parse(credentials, req.body);
  req.audit.object('sessions', username);
  if (password !== DEMO_PASSWORD) {
    req.audit.name('LoginFailed');
    res.status(401).json({ error: 'Wrong user name or password' });
    return;
  }
  req.audit.name('LoggedIn').user(person(username));
  res.json({ user: username });
};
// #endregion

const upload: RequestHandler = (req, res) => {
  const { originalname, size, mimetype } = req.file ?? {};
  req.audit
    .name('FileUploaded')
    .content({ file: originalname ?? null, bytes: size ?? 0, type: mimetype ?? null });
  res.status(201).json({ file: originalname ?? null, bytes: size ?? 0 });
};

/** Server-sent events until the client leaves. */
const stream: RequestHandler = (_req, res) => {
  res.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  let count = 0;
  const send = (): void => {
    count += 1;
    res.write(`data: ${JSON.stringify({ count })}\n\n`);
  };
  send();
  const timer = setInterval(send, STREAM_INTERVAL_MS);
  res.once('close', () => clearInterval(timer));
};

const slow: RequestHandler = (_req, res) => {
  const timer = setTimeout(() => res.json({ slow: true }), SLOW_MS);
  res.once('close', () => clearTimeout(timer));
};

const isUnavailable = (error: Error): boolean => /^Mongo|^Mongoose/.test(error.name);

/** What went wrong, in words that are fit for a client. */
export const showError: ErrorRequestHandler = (error, _req, res, next) => {
  if (res.headersSent) return next(error);
  const isUnstorable = error.name.startsWith('BSON') || error.name === 'MongoServerError';
  const status = isUnstorable ? 400 : isUnavailable(error) ? 503 : (error.status ?? error.statusCode ?? 500);
  const message =
    status === 503 ? 'The shop is closed for a moment' : status < 500 ? error.message : 'Something broke';
  res.status(status).json({ error: message });
};

/** A small shop: items in MongoDB through mongoose, and a route for every kind of traffic. */
export function addShop(app: Express, connection: Connection, audit: Audit): void {
  app.use(express.json({ limit: '1mb', strict: false }));
  app.use(express.urlencoded({ extended: true }));
  app.use('/items', itemRoutes(connection, audit));
  app.post('/login', logIn);
  app.post('/upload', multer({ limits: { fileSize: MAX_UPLOAD_BYTES } }).single('file'), upload);
  app.get('/stream', stream);
  app.get('/slow', slow);
  app.get('/boom', () => {
    throw new Error('The shop is on fire');
  });
  app.get('/ping', (_req, res) => {
    res.json({ pong: true });
  });
}
