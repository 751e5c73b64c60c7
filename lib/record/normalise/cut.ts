import { createHash } from 'node:crypto';
import { types } from 'node:util';
import { type ContainerShape, readMember, type Shape, scalarTag, shapeOf } from './tag';

const MOST_HASHED_BYTES = 16_777_216;
const CHUNK_CHARS = 16_384;

/** How many bytes were cut, and their hash, so that whoever holds the original can prove it. */
export function cutMarker(what: string, text: string | null): string {
  const subject = what === '' ? '' : `${what}, `;
  if (text === null) return `[truncated: ${subject}size not known]`;
  const hash = createHash('sha256').update(text).digest('hex');
  return `[truncated: ${subject}${Buffer.byteLength(text)} bytes, sha256 ${hash}]`;
}

/** Bytes are never stored. What may hold a secret has no hash either: short ones could be found by trying. */
export function bytesTag(bytes: Buffer, isSecret: boolean): string {
  if (isSecret || bytes.length > MOST_HASHED_BYTES) return `[Buffer: ${bytes.length} bytes]`;
  return `[Buffer: ${bytes.length} bytes, sha256 ${createHash('sha256').update(bytes).digest('hex')}]`;
}

/** An array, or an object under these keys, of which the members from one on are written. */
export interface Rest {
  readonly value: object;
  readonly shape: ContainerShape;
  readonly from: number;
  /** How a member is read. */
  readonly read: (value: object, key: string | number) => unknown;
}

class Frame {
  isEmpty = true;

  constructor(
    readonly value: object,
    readonly shape: ContainerShape,
    public next: number,
    readonly read: Rest['read'],
  ) {}
}

/** A list of what `JSON.stringify` itself writes without ado: long ones are most often of this kind. */
function isPlainList(value: object): value is unknown[] {
  if (!Array.isArray(value) || types.isProxy(value) || 'toJSON' in value) return false;
  for (let i = 0; i < value.length; i++) {
    const type = typeof value[i];
    if (type !== 'number' && type !== 'string' && type !== 'boolean') return false;
    if (type === 'number' && !Number.isFinite(value[i])) return false;
  }
  return true;
}

/** Writes values as `JSON.stringify` does, at any depth, and stops where there are too many. */
class JsonWriter {
  private readonly chunks: string[] = [];
  private chunk = '';
  private readonly frames: Frame[] = [];
  private readonly ancestors = new Set<object>();

  constructor(private nodes: number) {}

  get text(): string {
    return this.chunks.join('') + this.chunk;
  }

  /** How many nodes are left of those allowed; negative when they did not suffice. */
  write({ value, shape, from, read }: Rest): number {
    this.open(new Frame(value, shape, from, read));
    for (let frame = this.frames.at(-1); frame !== undefined && this.nodes >= 0; frame = this.frames.at(-1)) {
      if (frame.next === frame.shape.length) this.close(frame);
      else this.advance(frame);
    }
    return this.nodes;
  }

  private put(text: string): void {
    this.chunk += text;
    if (this.chunk.length < CHUNK_CHARS) return;
    this.chunks.push(this.chunk);
    this.chunk = '';
  }

  private open(frame: Frame): void {
    this.put(frame.shape.keys === null ? '[' : '{');
    this.ancestors.add(frame.value);
    this.frames.push(frame);
  }

  private close({ shape, value }: Frame): void {
    this.put(shape.keys === null ? ']' : '}');
    this.ancestors.delete(value);
    this.frames.pop();
  }

  private advance(frame: Frame): void {
    const { shape, next } = frame;
    const key = shape.keys === null ? next : (shape.keys[next] as string);
    const value = frame.read(frame.value, key);
    frame.next += 1;
    this.nodes -= 1;
    if (shape.keys !== null && value === undefined) return;
    if (!frame.isEmpty) this.put(',');
    frame.isEmpty = false;
    if (typeof key === 'string') this.put(`${JSON.stringify(key)}:`);
    this.value(value);
  }

  private value(value: unknown): void {
    if (typeof value === 'number' && Number.isFinite(value)) this.put(String(value));
    else if (typeof value === 'string') this.put(JSON.stringify(value));
    else if (typeof value === 'boolean' || value === null || value === undefined)
      this.put(String(value ?? null));
    else if (typeof value === 'object') this.object(value);
    else this.put(JSON.stringify(scalarTag(value)));
  }

  private object(value: object): void {
    const shape: Shape = this.ancestors.has(value) ? { kind: 'tag', tag: '[Circular]' } : shapeOf(value);
    if (shape.kind === 'tag') this.put(JSON.stringify(shape.tag));
    else if (shape.kind === 'bytes') this.put(JSON.stringify(bytesTag(shape.bytes, true)));
    else this.open(new Frame(value, shape, 0, readMember));
  }
}

/**
 * The JSON text of members that have at most so many values among them; else the text is null. A list of nothing but
 * numbers and texts may have more.
 */
export function jsonText(rest: Rest, mostNodes: number): { text: string | null; left: number } {
  if (rest.read === readMember && isPlainList(rest.value))
    return { text: JSON.stringify(rest.value.slice(rest.from)), left: mostNodes };
  if (rest.shape.length - rest.from > mostNodes) return { text: null, left: mostNodes };
  const writer = new JsonWriter(mostNodes);
  const left = writer.write(rest);
  return left < 0 ? { text: null, left: 0 } : { text: writer.text, left };
}
