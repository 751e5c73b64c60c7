import type { Connection, Mongoose } from './replica-set';

/** A schema with everything a write can meet. */
export function itemSchema(mongoose: Mongoose) {
  const { Schema } = mongoose;
  return new Schema(
    {
      name: String,
      price: Number,
      amount: Schema.Types.Decimal128,
      at: Date,
      data: Buffer,
      tags: [String],
      parts: [{ sku: String, count: Number }],
      nested: { deep: { value: Number }, other: String },
      labels: { type: Map, of: String },
      mixed: Schema.Types.Mixed,
      owner: { type: Schema.Types.ObjectId, ref: 'Item' },
    },
    { timestamps: true },
  );
}

export function itemModel(connection: Connection, mongoose: Mongoose) {
  return connection.model('Item', itemSchema(mongoose));
}

/** Mongoose's own types differ by major. */
export type ItemModel = ReturnType<typeof itemModel>;

/** What a collection holds before each of them. */
export function seeds(mongoose: Mongoose) {
  const { ObjectId, Decimal128 } = mongoose.mongo;
  const at = new Date('2026-01-02T03:04:05Z');
  return ['one', 'two'].map((name) => ({
    _id: new ObjectId(),
    name,
    price: 1,
    amount: Decimal128.fromString('1.50'),
    at,
    data: Buffer.from('bytes'),
    tags: ['x', 'y', 'x'],
    parts: [
      { _id: new ObjectId(), sku: 'p1', count: 1 },
      { _id: new ObjectId(), sku: 'p2', count: 2 },
    ],
    nested: { deep: { value: 1 }, other: 'kept' },
    labels: { a: 'b' },
    mixed: { list: [1, 2], unknown: null },
    createdAt: at,
    updatedAt: at,
    __v: 0,
  }));
}
