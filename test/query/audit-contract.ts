import type express5 from 'express';
import { z } from 'zod';
import type { AuditOptions } from '../../lib/index';
import { type Answer, type Ask, ask, authenticate, startTrail, type Trail } from './trail';

const text = z.string().nullable();
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** The answer of the reference and `source`, every key and no other. */
export const answerSchema = z.strictObject({
  data: z.strictObject({
    logs: z.array(
      z.strictObject({
        id: z.int().min(1),
        created_at: z.string().regex(TIMESTAMP),
        actor_id: text,
        actor_name: text,
        actor_email: text,
        action: z.string().min(1),
        fields: z
          .object({
            method: text,
            url: z.url().nullable(),
            status_code: z.int().min(100).max(599).nullable(),
          })
          .catchall(z.json()),
        request_id: z.string().min(1).max(128),
        source_ip_address: z.union([z.ipv4(), z.ipv6()]).nullable(),
        commit_id: z.uuid(),
        status: z.enum(['intent', 'success', 'failure']),
        source: text,
      }),
    ),
  }),
});
export type Log = z.output<typeof answerSchema>['data']['logs'][number];

const problemSchema = z.strictObject({
  http_status: z.int(),
  timestamp: z.string().regex(TIMESTAMP),
  request_id: z.string().min(1).max(128),
  errors: z.tuple([z.strictObject({ context: z.literal('audit'), message: z.string().min(1) })]),
});

/** The logs of an answer; fails when it is none in every detail. */
export function logsOf({ status, text: body, ...answer }: Answer): readonly Log[] {
  if (status !== 200) throw new Error(`answered ${status}: ${body}`);
  return answerSchema.parse(answer.body).data.logs;
}

/** A problem; fails when it is none in every detail. */
export function problemOf({ status, body }: Answer): {
  readonly status: number;
  readonly message: string;
  readonly requestId: string;
} {
  const { http_status, request_id, errors } = problemSchema.parse(body);
  expect(http_status).toBe(status);
  return { status, message: errors[0].message, requestId: request_id };
}

export interface AuditTrail extends Omit<Trail, 'get'> {
  /** Asks for a path below the mount, `/api/v2/audit`. */
  get(path: string, options?: Ask): Promise<Answer>;
}

/** A real app whose trail is served where the reference has it. */
export async function startAuditTrail({
  express,
  options,
}: {
  readonly express?: typeof express5;
  readonly options?: Partial<AuditOptions>;
} = {}): Promise<AuditTrail> {
  const trail = await startTrail({
    ...(express !== undefined && { express }),
    ...(options !== undefined && { options }),
    server: { maxHeaderSize: 256 * 1024 },
    build: (app, audit) => void app.use('/api/v2/audit', audit.router({ dialect: 'audit', authenticate })),
  });
  return {
    ...trail,
    get: (path, init) => ask(`${trail.url}/api/v2/audit${path}`, { scheme: 'Bearer', ...init }),
  };
}
