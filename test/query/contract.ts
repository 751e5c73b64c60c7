import { z } from 'zod';
import type { Answer } from './trail';

const text = z.string().nullable();
const LARGEST_INTEGER = 2_147_483_647;

/** One event of the API `audit-events`, every key and no other. */
export const eventSchema = z.strictObject({
  uuid: z.uuid(),
  timestamp: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  user: z.strictObject({ id: text, email: text, name: text }).nullable(),
  url: z.url().max(1_000).nullable(),
  query_params: z.json(),
  post_data: z.json(),
  post_data_state: z.enum(['absent', 'captured', 'unread', 'off']),
  headers: z.record(z.string(), z.json()).nullable(),
  remote_addr: z.union([z.ipv4(), z.ipv6()]).nullable(),
  content_type: z.int().min(1),
  object_id: z.union([z.int().min(0).max(LARGEST_INTEGER), z.string().min(1)]),
  content: z.json(),
  action: z.enum(['create', 'update', 'delete', 'access']),
  name: z.string().min(1),
  kind: z.enum(['request', 'change', 'event', 'gap']),
  status: z.enum(['intent', 'success', 'failure']),
  outcome: z.enum(['completed', 'aborted', 'upgraded', 'unknown']).nullable(),
  status_code: z.int().min(100).max(599).nullable(),
  duration_ms: z.number().min(0).nullable(),
  method: text,
  route: text,
  request_id: z.string().min(1).max(128),
  commit_id: z.uuid(),
  tenant: text,
  user_agent: text,
  client: z.strictObject({ browser: text, os: text, device: text, kind: z.string() }).nullable(),
  object_type: z.string().min(1),
  before: z.json(),
  after: z.json(),
  diff: z.array(z.json()).nullable(),
  labels: z.record(z.string(), z.union([z.string(), z.number()])),
  error: z.strictObject({ name: z.string(), message: z.string(), code: text }).nullable(),
  truncated: z.array(z.string()),
});
export type ApiEvent = z.output<typeof eventSchema>;

export const listSchema = z.strictObject({
  count: z.int().min(0),
  next: z.url().nullable(),
  previous: z.url().nullable(),
  results: z.array(eventSchema),
});
export type ApiList = z.output<typeof listSchema>;

function checked<T>(schema: z.ZodType<T>, { status, text, body }: Answer): T {
  if (status !== 200) throw new Error(`answered ${status}: ${text}`);
  schema.parse(body);
  return body as T; // not zod's copy, which is without `__proto__`
}

/** The list of an answer; fails when it is none in every detail. */
export const listOf = (answer: Answer): ApiList => checked(listSchema, answer);
export const eventOf = (answer: Answer): ApiEvent => checked(eventSchema, answer);

/** A problem of one parameter, in Django REST framework's shape: its name and the message. */
export function parameterProblem({ status, body, text }: Answer): {
  status: number;
  parameter: string;
  message: string;
} {
  const [entry, ...others] = Object.entries(body as object);
  if (entry === undefined || others.length > 0) throw new Error(`not one parameter is named: ${text}`);
  const [message] = z.tuple([z.string()]).parse(entry[1]);
  return { status, parameter: entry[0], message };
}
