import { z } from 'zod';
import type { Problem } from './dialect';

/** Errors as Django REST framework writes them: a parameter's by its name, all others as a detail. */
export const restProblem = {
  problem: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
  renderProblem: ({ message, parameter }: Problem): unknown =>
    parameter === undefined ? { detail: message } : { [parameter]: [message] },
};
