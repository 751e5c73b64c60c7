import { Schema } from 'mongoose';

/** The small integer under which APIs publish an object's type: handed out on first use, the same for ever. */
export const contentTypeSchema = new Schema(
  { _id: String, number: Number },
  { autoIndex: false, autoCreate: false },
);

// a number in a filter back to its name
contentTypeSchema.index({ number: 1 }, { unique: true });
