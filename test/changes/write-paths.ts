import type { ItemModel } from './items';
import type { ClientSession } from './replica-set';

type Options = { session?: ClientSession };

export interface Path {
  readonly name: string;
  readonly run: (Item: ItemModel, ids: readonly string[], options: Options) => Promise<unknown>;
  /** Reads besides those that the app asks for. */
  readonly reads: number;
  /** Outside of a transaction. */
  readonly exact: boolean;
}

const path = (name: string, reads: number, exact: boolean, run: Path['run']): Path => ({
  name,
  reads,
  exact,
  run,
});

const load = async (Item: ItemModel, id: string | undefined, { session }: Options) => {
  const item = await Item.findById(id, null, { session });
  if (item === null) throw new Error(`no item ${id}`);
  return item;
};

const SAVES: readonly Path[] = [
  path('save of a new document', 0, true, (Item, _, options) => new Item({ name: 'new' }).save(options)),
  path('create', 0, true, (Item, _, options) => Item.create([{ name: 'a' }], options)),
  path('insertMany', 0, true, (Item, _, options) =>
    Item.insertMany(
      [
        { name: 'a', labels: { x: 'y' } },
        { name: 'b', data: Buffer.from('b') },
      ],
      options,
    ),
  ),
  path('insertMany, lean', 0, true, (Item, _, options) =>
    Item.insertMany([{ name: 'a' }], { ...options, lean: true }),
  ),
  path('save of a loaded document', 0, false, async (Item, [id], options) => {
    const item = await load(Item, id, options);
    item.price = 2;
    item.set('nested.deep.value', 5);
    item.at = new Date('2030-01-01T00:00:00Z');
    await item.save(options);
  }),
  path('save without middleware', 0, false, async (Item, [id], options) => {
    const item = await load(Item, id, options);
    item.name = 'without';
    await item.save({ ...options, middleware: false } as Options);
  }),
  path('save of documents found together', 0, false, async (Item, ids, options) => {
    const items = await Item.find({ _id: { $in: ids } }, null, options);
    for (const item of items) {
      item.set('name', undefined);
      await item.save(options);
    }
  }),
  path('save of sub-documents and arrays', 0, false, async (Item, [id], options) => {
    const item = await load(Item, id, options);
    item.tags.push('pushed');
    item.parts[0]?.set('count', 9);
    item.parts.push({ sku: 'p3', count: 3 });
    item.labels?.set('new', 'label');
    await item.save(options);
  }),
  path('save that pulls from arrays', 0, false, async (Item, [id], options) => {
    const item = await load(Item, id, options);
    (item.tags as unknown as { pull(tag: string): void }).pull('x');
    item.parts.pull(item.parts[0]?._id);
    await item.save(options);
  }),
  path('save of a changed Mixed and Date in place', 0, false, async (Item, [id], options) => {
    const item = await load(Item, id, options);
    item.mixed.list.push(3);
    item.markModified('mixed');
    item.at?.setFullYear(2031);
    item.markModified('at');
    await item.save(options);
  }),
  path('save of an unchanged document', 0, false, async (Item, [id], options) => {
    await (await load(Item, id, options)).save(options);
  }),
  path('bulkSave', 0, false, async (Item, ids, options) => {
    const items = await Item.find({ _id: { $in: ids } }, null, options);
    for (const [i, item] of items.entries()) item.price = 100 + i;
    await Item.bulkSave(items, options as object);
  }),
  path('bulkSave of a new document', 0, true, (Item, _, options) =>
    Item.bulkSave([new Item({ name: 'bulk' })], options as object),
  ),
];

const UPDATES: readonly Path[] = [
  path('updateOne', 2, false, (Item, [id], options) => Item.updateOne({ _id: id }, { price: 3 }, options)),
  path('updateOne of a document', 2, false, async (Item, [id], options) => {
    const item = await load(Item, id, options);
    await item.updateOne({ name: 'own' }, options);
  }),
  path('updateOne by another field', 2, false, (Item, _, options) =>
    Item.updateOne({ name: 'one' }, { $inc: { price: 1 } }, options),
  ),
  path('updateOne with array filters', 2, false, (Item, [id], options) =>
    Item.updateOne(
      { _id: id },
      { 'parts.$[part].count': 7 },
      { ...options, arrayFilters: [{ 'part.sku': 'p1' }] },
    ),
  ),
  path('updateOne with a pipeline', 2, false, (Item, [id], options) =>
    Item.updateOne({ _id: id }, [{ $set: { price: { $add: ['$price', 10] } } }], {
      ...options,
      updatePipeline: true,
    } as Options),
  ),
  path('updateOne that upserts', 2, false, (Item, _, options) =>
    Item.updateOne({ name: 'upserted' }, { price: 1 }, { ...options, upsert: true }),
  ),
  path('updateMany', 2, false, (Item, ids, options) =>
    Item.updateMany({ _id: { $in: ids } }, { $push: { tags: 'all' } }, options),
  ),
  path('updateMany of nothing', 1, false, (Item, _, options) =>
    Item.updateMany({ name: 'nobody' }, { price: 1 }, options),
  ),
  path('replaceOne', 1, false, (Item, [id], options) =>
    Item.replaceOne({ _id: id }, { name: 'replaced', tags: ['r'] }, options),
  ),
  path('replaceOne that upserts', 1, true, (Item, _, options) =>
    Item.replaceOne({ name: 'nobody' }, { name: 'replaced' }, { ...options, upsert: true }),
  ),
  path('findOneAndUpdate', 1, false, (Item, [id], options) =>
    Item.findOneAndUpdate({ _id: id }, { price: 4 }, options),
  ),
  path('findByIdAndUpdate, new', 1, false, (Item, [id], options) =>
    Item.findByIdAndUpdate(id, { price: 4 }, { ...options, returnDocument: 'after' }),
  ),
  path('findOneAndUpdate, lean, with a projection', 2, false, (Item, [id], options) =>
    Item.findOneAndUpdate({ _id: id }, { price: 4 }, { ...options, projection: { name: 1 } }).lean(),
  ),
  path('findOneAndUpdate that upserts, new', 1, false, (Item, _, options) =>
    Item.findOneAndUpdate(
      { name: 'nobody' },
      { price: 4 },
      { ...options, upsert: true, returnDocument: 'after' },
    ),
  ),
  path('findOneAndUpdate that upserts', 1, false, (Item, _, options) =>
    Item.findOneAndUpdate({ name: 'nobody' }, { price: 4 }, { ...options, upsert: true }),
  ),
  path('findOneAndReplace', 1, false, (Item, [id], options) =>
    Item.findOneAndReplace({ _id: id }, { name: 'replaced' }, options),
  ),
  path('findOneAndReplace, new', 1, false, (Item, [id], options) =>
    Item.findOneAndReplace({ _id: id }, { name: 'replaced' }, { ...options, returnDocument: 'after' }),
  ),
  path('updateOne without middleware', 2, false, (Item, [id], options) =>
    Item.updateOne({ _id: id }, { price: 3 }, { ...options, middleware: false } as Options),
  ),
  path('Model.collection.updateOne', 2, false, (Item, _, options) =>
    Item.collection.updateOne({ name: 'one' }, { $set: { price: 3 } }, options),
  ),
  path('Model.collection.insertOne', 0, true, (Item, _, options) =>
    Item.collection.insertOne({ name: 'raw', unknown: { kept: true } } as object, options),
  ),
];

const DELETES: readonly Path[] = [
  path('deleteOne', 1, false, (Item, [id], options) => Item.deleteOne({ _id: id }, options)),
  path('deleteOne of a document', 1, false, async (Item, [id], options) => {
    await (await load(Item, id, options)).deleteOne(options);
  }),
  path('deleteMany', 1, false, (Item, ids, options) => Item.deleteMany({ _id: { $in: ids } }, options)),
  path('findOneAndDelete', 0, true, (Item, [id], options) => Item.findOneAndDelete({ _id: id }, options)),
  path('findByIdAndDelete', 0, true, (Item, [id], options) => Item.findByIdAndDelete(id, options)),
  path('findOneAndDelete with a projection', 1, false, (Item, [id], options) =>
    Item.findOneAndDelete({ _id: id }, { ...options, projection: { name: 1 } }),
  ),
];

const BULKS: readonly Path[] = [
  path('bulkWrite of inserts', 0, true, (Item, _, options) =>
    Item.bulkWrite([{ insertOne: { document: { name: 'b1' } } }], options as object),
  ),
  path('bulkWrite of updates', 2, false, (Item, [one, two], options) =>
    Item.bulkWrite(
      [
        { updateOne: { filter: { _id: one }, update: { price: 8 } } },
        { updateMany: { filter: { name: 'two' }, update: { price: 9 } } },
        { replaceOne: { filter: { _id: two }, replacement: { name: 'third' } as never } },
      ],
      options as object,
    ),
  ),
  path('bulkWrite of deletes and an upsert', 2, false, (Item, [one], options) =>
    Item.bulkWrite(
      [
        { deleteOne: { filter: { _id: one } } },
        { deleteMany: { filter: { name: 'two' } } },
        { updateOne: { filter: { name: 'nobody' }, update: { price: 1 }, upsert: true } },
      ],
      options as object,
    ),
  ),
];

/** Every way in which mongoose writes. */
export const PATHS: readonly Path[] = [...SAVES, ...UPDATES, ...DELETES, ...BULKS];
