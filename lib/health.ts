import type { Request, RequestHandler, Response } from 'express';

const ALLOWED = 'GET, HEAD';
/** Requests are refused for want of a record: another instance may do better. */
const UNFIT = 'rejecting';

function answer(req: Request, res: Response, statusCode: number, body: object): void {
  const text = JSON.stringify(body);
  res.statusCode = statusCode;
  res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', Buffer.byteLength(text));
  res.setHeader('Cache-Control', 'no-store');
  if (req.method === 'HEAD') res.end();
  else res.end(text);
}

/** `audit.health`: answers at once, by what is known in this process. */
export function createHealth(stats: () => { readonly state: string }): RequestHandler {
  return function auditHealth(req, res) {
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.setHeader('Allow', ALLOWED);
      answer(req, res, 405, { error: `Method not allowed; allowed are ${ALLOWED}.` });
      return;
    }
    const now = stats();
    answer(req, res, now.state === UNFIT ? 503 : 200, now);
  };
}
