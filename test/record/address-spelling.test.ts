import fc from 'fast-check';
import { canonicalAddress } from '../../lib/address';

const group = fc.oneof(
  { weight: 2, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }) },
);
const groups = fc.array(group, { minLength: 8, maxLength: 8 });
const dotted = ([high = 0, low = 0]: readonly number[]): string =>
  [high >> 8, high & 255, low >> 8, low & 255].join('.');

/** One of the many ways to write an address: case, leading zeros, a `::` anywhere it may stand, a dotted tail. */
const spelling = fc
  .record({
    address: groups,
    upper: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
    padding: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 8, maxLength: 8 }),
    gap: fc.record({ start: fc.nat(7), length: fc.integer({ min: 0, max: 8 }) }),
    isDotted: fc.boolean(),
  })
  .map(({ address, upper, padding, gap, isDotted }) => {
    const parts = address.map((value, i) => {
      const hex = value.toString(16).padStart(padding[i] ?? 1, '0');
      return upper[i] ? hex.toUpperCase() : hex;
    });
    if (isDotted) parts.splice(6, 2, dotted(address.slice(6)));
    const end = Math.min(gap.start + gap.length, isDotted ? 6 : 8);
    const isGap = end > gap.start && address.slice(gap.start, end).every((value) => value === 0);
    const text = isGap
      ? `${parts.slice(0, gap.start).join(':')}::${parts.slice(end).join(':')}`
      : parts.join(':');
    return { address, text };
  });

describe('an address is stored under one spelling', () => {
  it.each([
    // RFC 5952, 1 and 2
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8::1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8::0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:0db8::1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:0:1::1', '2001:db8::1:0:0:1'],
    ['2001:DB8:0:0:1::1', '2001:db8::1:0:0:1'],
    // 4.1 leading zeros
    ['2001:0db8::0001', '2001:db8::1'],
    // 4.2.1 as short as can be
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    // 4.2.2 one group is not shortened
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    // 4.2.3 the longest run, else the first
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['0:0:1:0:0:1:0:0', '::1:0:0:1:0:0'],
    // 4.3 lower case
    ['2001:DB8::ABCD', '2001:db8::abcd'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['1:0:0:0:0:0:0:0', '1::'],
    // IPv4, mapped and embedded
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:0A00:0001', '10.0.0.1'],
    ['::ffff:10.0.0.1%eth0', '10.0.0.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['::192.0.2.33', '::c000:221'],
    // zones
    ['FE80:0::1%Eth0', 'fe80::1%Eth0'],
  ])('%s as %s', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
    expect(canonicalAddress(canonical)).toBe(canonical);
  });

  it.each([
    [''],
    [' 10.0.0.1'],
    ['10.0.0.1 '],
    ['10.0.0.1:80'],
    ['[::1]'],
    ['[::1]:80'],
    ['10.0.0'],
    ['10.0.0.256'],
    ['010.0.0.1'],
    ['0x7f.0.0.1'],
    [':::'],
    ['1::2::3'],
    ['1:2:3:4:5:6:7:8:9'],
    ['12345::'],
    ['::g'],
    ['unknown'],
    ['1'.repeat(8_192)],
    [`fe80::1%${'z'.repeat(8_192)}`],
  ])('and what is none is null: %p', (text) => {
    expect(canonicalAddress(text)).toBeNull();
  });

  it.each([[null], [undefined]])('and so is %p', (nothing) => {
    expect(canonicalAddress(nothing)).toBeNull();
  });

  it('whatever spelling was sent', () => {
    fc.assert(
      fc.property(spelling, ({ address, text }) => {
        const plain = address.map((value) => value.toString(16)).join(':');
        const canonical = canonicalAddress(plain);
        expect(canonical).not.toBeNull();
        expect(canonicalAddress(text)).toBe(canonical);
        expect(canonicalAddress(canonical)).toBe(canonical);
        const isMapped = address.slice(0, 5).every((value) => value === 0) && address[5] === 0xffff;
        // WHATWG URLs are written by the same rules, but for mapped addresses
        if (!isMapped) expect(`[${canonical}]`).toBe(new URL(`http://[${plain}]`).hostname);
      }),
      { numRuns: 2_000 },
    );
  });

  it('whatever IPv4 address was mapped', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 2, maxLength: 2 }), (pair) => {
        const hex = pair.map((value) => value.toString(16)).join(':');
        expect(canonicalAddress(`::ffff:${hex}`)).toBe(dotted(pair));
        expect(canonicalAddress(`0:0:0:0:0:FFFF:${dotted(pair)}`)).toBe(dotted(pair));
        expect(canonicalAddress(dotted(pair))).toBe(dotted(pair));
      }),
    );
  });
});
