import { Schema } from 'mongoose';

/**
 * One document hands out the integer ids of the events, a block at a time. `blocks` are those in flight: the
 * lowest of them bounds the safe point. `attempt` counts a writer's attempts, so that what arrives late frees no
 * block of a later one. `at` is the server's time, so that writers' clocks do not matter.
 */
export const counterSchema = new Schema(
  {
    _id: String,
    last: Number,
    blocks: [
      new Schema({ writer: String, attempt: Number, first: Number, last: Number, at: Date }, { _id: false }),
    ],
  },
  { autoIndex: false, autoCreate: false },
);
