import { createAudit } from '../../lib/index';
import { parseOptions } from '../../lib/options';

const mongo = 'mongodb://127.0.0.1:1/x';
const SECRET = 'fake-password-of-a-test';

/** What is thrown; fails when nothing is. */
function problemOf(options: unknown): Error & { readonly code?: string } {
  try {
    void createAudit(options as Parameters<typeof createAudit>[0]).close();
  } catch (error) {
    return error as Error;
  }
  throw new Error('the options were taken');
}

describe('a wrong option', () => {
  it.each([
    [{ mongo, flushIntervalMs: 0 }, 'flushIntervalMs', 'an integer from 1 to 60000', '0'],
    [{ mongo, flushIntervalMs: '5' }, 'flushIntervalMs', 'an integer from 1 to 60000', '"5"'],
    [{ mongo, flushIntervalMs: 1.5 }, 'flushIntervalMs', 'an integer', '1.5'],
    [{ mongo, flushIntervalMs: Number.NaN }, 'flushIntervalMs', 'an integer', 'NaN'],
    [{ mongo, maxTimeMS: 1e9 }, 'maxTimeMS', 'an integer from 1 to 3600000', '1000000000'],
    [{ mongo, limits: { maxQueueEvents: -1 } }, 'limits.maxQueueEvents', 'from 1 to 1000000', '-1'],
    [{ mongo, limits: { maxQueueBytes: 1 } }, 'limits.maxQueueBytes', 'from 65536 to 1073741824', '1'],
    [{ mongo, limits: { maxDepth: 101 } }, 'limits.maxDepth', 'from 1 to 100', '101'],
    [{ mongo, limits: 5 }, 'limits', 'an object', '5'],
    [{ mongo, limits: null }, 'limits', 'an object', 'null'],
    [{ mongo, collection: '' }, 'collection', 'a collection name', '""'],
    [{ mongo, collection: 'a$b' }, 'collection', 'a collection name', '"a$b"'],
    [{ mongo, collection: 7 }, 'collection', 'a collection name', '7'],
    [{ mongo, source: '' }, 'source', 'a string of 1 to 128 characters', '""'],
    [{ mongo, user: 'x' }, 'user', 'a function', '"x"'],
    [{ mongo, user: null }, 'user', 'a function', 'null'],
    [{ mongo, skip: true }, 'skip', 'a function', 'true'],
    [{ mongo, onError: {} }, 'onError', 'a function', 'an object'],
    [{ mongo, onDrop: [] }, 'onDrop', 'a function', 'an array'],
    [{ mongo, header: 'no' }, 'header', 'true or false', '"no"'],
    [{ mongo, ensureIndexes: 1 }, 'ensureIndexes', 'true or false', '1'],
    [{ mongo, dangerouslyRecordSecrets: 'true' }, 'dangerouslyRecordSecrets', 'true or false', '"true"'],
    [{ mongo, capture: true }, 'capture', 'an object', 'true'],
    [{ mongo, capture: { body: 'yes' } }, 'capture.body', 'true, false or a list of keys', '"yes"'],
    [{ mongo, redact: { keys: 'a' } }, 'redact.keys', 'a list of names', '"a"'],
    [{ mongo, redact: { keys: ['a'] } }, 'redact.keys.0', 'at least 2 characters', '"a"'],
    [{ mongo, redact: { paths: ['x'] } }, 'redact.paths.0', 'start with one of postData', '"x"'],
    [{ mongo, redact: { censor: 5 } }, 'redact.censor', 'a string or a function', '5'],
  ])('is named with what it must be and what was received: %j', (options, name, rule, received) => {
    const problem = problemOf(options);
    expect(problem).toMatchObject({ name: 'AuditOptionError', code: 'AUDIT_INVALID_OPTION' });
    expect(problem).toBeInstanceOf(TypeError);
    expect(problem.message).toContain(`Option '${name}' is wrong: must `);
    expect(problem.message).toContain(rule);
    expect(problem.message.endsWith(`, received ${received}.`)).toBe(true);
  });

  it.each([
    [{ mongo, flushInterval: 5 }, "Option 'flushInterval' is not known. Did you mean 'flushIntervalMs'?"],
    [{ mongo, onerror() {} }, "Option 'onerror' is not known. Did you mean 'onError'?"],
    [
      { mongo, limits: { maxQueueEvent: 5 } },
      "Option 'limits.maxQueueEvent' is not known. Did you mean 'maxQueueEvents'?",
    ],
    [{ mongo, capture: { bodies: true } }, "Option 'capture.bodies' is not known. Did you mean 'body'?"],
    [{ mongo, redact: { key: [] } }, "Option 'redact.key' is not known. Did you mean 'keys'?"],
    [{ mongo, zzzzzzzzzz: 1 }, "Option 'zzzzzzzzzz' is not known. Known options are mongo, collection,"],
  ])('that nobody knows is named with the one that is meant: %j', (options, message) => {
    const problem = problemOf(options);
    expect(problem).toMatchObject({ name: 'AuditOptionError', code: 'AUDIT_UNKNOWN_OPTION' });
    expect(problem.message).toContain(message);
  });

  it.each([
    [undefined, 'Options must be an object, received undefined.'],
    [null, 'Options must be an object, received null.'],
    [[], 'Options must be an object, received an array.'],
    [`mongodb://u:${SECRET}@h/x`, 'Options must be an object, received a URI.'],
    [{}, 'or a mongoose connection such as mongoose.connection.'],
    [{ mongo: 5 }, 'or a mongoose connection such as mongoose.connection.'],
    [{ mongo: {} }, 'or a mongoose connection such as mongoose.connection.'],
    [{ mongo: `http://u:${SECRET}@h` }, 'must be a URI that begins with mongodb://'],
    [{ mongo, collection: `mongodb://u:${SECRET}@h` }, 'received a URI.'],
    [{ mongo, redact: { hmacKey: SECRET.slice(0, 8) } }, "Option 'redact.hmacKey' is wrong: must be"],
  ])('that may hold a secret is not quoted: %#', (options, message) => {
    const problem = problemOf(options);
    expect(problem.name).toBe('AuditOptionError');
    expect(problem.message).toContain(message);
    expect(problem.message).not.toContain(SECRET.slice(0, 8));
  });
});

describe('options', () => {
  it('that are undefined are absent', () => {
    const names = Object.keys(parseOptions({ mongo })).filter((name) => name !== 'mongo');
    const absent = Object.fromEntries(names.map((name) => [name, undefined]));
    const nested = {
      limits: { maxDepth: undefined },
      capture: { body: undefined },
      redact: { keys: undefined },
    };
    const withoutFunctions = (settings: object): string => JSON.stringify(settings);
    expect(withoutFunctions(parseOptions({ mongo, ...absent }))).toBe(
      withoutFunctions(parseOptions({ mongo })),
    );
    expect(withoutFunctions(parseOptions({ mongo, ...nested } as Parameters<typeof parseOptions>[0]))).toBe(
      withoutFunctions(parseOptions({ mongo })),
    );
  });

  it('have the documented defaults', () => {
    expect(parseOptions({ mongo })).toMatchObject({
      collection: 'auditevents',
      flushIntervalMs: 200,
      maxTimeMS: 30_000,
      header: true,
      ensureIndexes: true,
      dangerouslyRecordSecrets: false,
      capture: { body: true, headers: true, query: true },
      limits: {
        maxDepth: 32,
        maxNodes: 2_000,
        maxStringBytes: 8_192,
        maxEventBytes: 65_536,
        maxQueueEvents: 10_000,
        maxQueueBytes: 33_554_432,
      },
    });
  });

  it('of the caller are neither changed, nor frozen, nor read again', () => {
    const options = {
      mongo,
      limits: { maxQueueEvents: 5 },
      capture: { body: ['a'] },
      redact: { keys: ['hush'], paths: ['content.x'] },
    };
    const copy = structuredClone(options);
    const settings = parseOptions(options);
    expect(options).toEqual(copy);
    for (const part of [options, options.limits, options.capture, options.capture.body, options.redact.keys])
      expect(Object.isFrozen(part)).toBe(false);
    options.capture.body.push('b');
    options.redact.keys.push('c');
    options.limits.maxQueueEvents = 7;
    expect(settings).toMatchObject({
      limits: { maxQueueEvents: 5 },
      capture: { body: ['a'] },
      redact: { keys: ['hush'] },
    });
  });

  it('may be frozen, or have no prototype', () => {
    const options = Object.freeze(Object.assign(Object.create(null), { mongo, source: 'shop' }));
    expect(parseOptions(options).source).toBe('shop');
  });
});
