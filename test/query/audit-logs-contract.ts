import { z } from 'zod';
import type { Answer } from './trail';

const text = z.string().nullable();
/** The answer of the reference of `audit-logs`, every key and no other. */
const listSchema = z.strictObject({
  data: z.array(
    z.strictObject({
      id: z.int(),
      logName: text,
      keycloakUuid: text,
      keycloakEmail: text,
      urlCalled: text,
      operatorId: z.int().nullable(),
      companyId: z.int().nullable(),
      ip: z.union([z.ipv4(), z.ipv6()]).nullable(),
      domain: text,
      caller: text,
      tableName: z.string(),
      entityId: z.int().min(0).max(2_147_483_647).nullable(),
      entityIdString: z.string(),
      association: text,
      properties: z.strictObject({
        content: z.json(),
        before: z.json(),
        after: z.json(),
        diff: z.array(z.json()).nullable(),
      }),
      createdAt: z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    }),
  ),
  end_cursor: z.string().min(1).nullable(),
  previous_end_cursor: z.string().min(1).nullable(),
});
export type Logs = z.output<typeof listSchema>;

/** The list of an answer; fails when it is none in every detail. */
export function logsOf({ status, text, body }: Answer): Logs {
  if (status !== 200) throw new Error(`answered ${status}: ${text}`);
  return listSchema.parse(body);
}

const problemSchema = z.strictObject({
  statusCode: z.int(),
  error: z.string(),
  message: z.tuple([z.string()]),
});

/** The problem of an answer, once its status was found to be that of the answer. */
export function logsProblem({ status, body }: Answer): { status: number; error: string; message: string } {
  const { statusCode, error, message } = problemSchema.parse(body);
  if (statusCode !== status) throw new Error(`answered ${status} with a body that says ${statusCode}`);
  return { status, error, message: message[0] };
}
