// Templates of SPIFFE IDs: whatever the values are, distinct ones make distinct IDs, each is an ID, and it says which values made it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeSegment, unescapeSegment } from '../../src/model/escape-segment.ts';
import {
  decodeIdentity,
  type IdentityTemplate,
  overlap,
  parseIdentityTemplate,
  renderIdentity,
  withValues,
} from '../../src/model/identity-template.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import { idOf } from '../support/identity-harness.ts';

const templateOf = (text: string): IdentityTemplate => {
  const template = parseIdentityTemplate(text);
  if (template === undefined) throw new Error(`no template: ${text}`);
  return template;
};
const ci = templateOf('spiffe://td1/ci/project/{project_id}/{ref_type}/{ref}');
/** Any UTF-16 there is, and much of what escapes are made of. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('_', '.', '/', '2', 'f', 'e', 'u', '0', '%', '-', 'A', 'é'), maxLength: 12 }),
  fc.array(fc.nat(0xffff), { maxLength: 6 }).map((units) => String.fromCharCode(...units)),
);

describe('a value as a segment', () => {
  it.each([
    ['42', '42'],
    ['main', 'main'],
    ['release-1.2', 'release-1.2'],
    ['feature/x', 'feature_2fx'],
    ['a_b', 'a__b'],
    ['', '_'],
    ['.', '_2e'],
    ['..', '_2e.'],
    ['...', '...'],
    ['_', '__'],
    ['a b', 'a_20b'],
    ['%2f', '_252f'],
    ['é', '_u00e9'],
    ['🦊', '_ud83e_udd8a'],
    ['\ud83e', '_ud83e'],
    ['a\u0000', 'a_00'],
  ])('%j is %j, and back', (value, segment) => {
    expect(escapeSegment(value)).toBe(segment);
    expect(unescapeSegment(segment)).toBe(value);
  });

  it.each(['', '.', '..', '_2', '_2F', '_41', '_5f', '_u002f', '_u00E9', 'a_', '_x', 'a/b', 'é', '_2e_2e', '_2ea'])(
    '%j is nobody’s: every value has one form',
    (segment) => {
      expect(unescapeSegment(segment)).toBeUndefined();
    },
  );

  it('whatever it is, comes back from a segment of a SPIFFE ID', () => {
    fc.assert(
      fc.property(anyText, (value) => {
        const segment = escapeSegment(value);
        expect(parseSpiffeId(`spiffe://td1/${segment}`)).toBeDefined();
        expect(unescapeSegment(segment)).toBe(value);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('a template', () => {
  it('makes an ID that says which values made it', () => {
    const values = fc.record({ project_id: anyText, ref_type: anyText, ref: anyText });
    fc.assert(
      fc.property(values, (given) => {
        const id = renderIdentity(ci, given);
        if (id === undefined) throw new Error('no ID');
        expect(parseSpiffeId(id)).toBe(id);
        expect(decodeIdentity(ci, id)).toEqual(given);
      }),
      { numRuns: 3000 },
    );
  });

  it('makes none that is longer than 2048 bytes, nor of a value that is missing', () => {
    const rest = { project_id: '1', ref_type: 'branch' };
    const room = 2048 - (renderIdentity(ci, { ...rest, ref: 'x' })?.length ?? 0) + 1;
    expect(renderIdentity(ci, { ...rest, ref: 'x'.repeat(room) })).toHaveLength(2048);
    expect(renderIdentity(ci, { ...rest, ref: 'x'.repeat(room + 1) })).toBeUndefined();
    expect(renderIdentity(ci, { ...rest, ref: '/'.repeat(room) })).toBeUndefined();
    expect(renderIdentity(ci, rest)).toBeUndefined();
    expect(renderIdentity(templateOf('spiffe://td1/ci/{constructor}'), {})).toBeUndefined();
  });

  it.each([
    'spiffe://td1/ci/project/1/branch',
    'spiffe://td1/ci/project/1/branch/a/b',
    'spiffe://td1/ci/project/1/branch/a_5fb',
    'spiffe://td2/ci/project/1/branch/main',
    'spiffe://td1/ci/other/1/branch/main',
  ])('did not make %s', (text) => {
    expect(decodeIdentity(ci, idOf(text))).toBeUndefined();
  });

  it.each([
    'spiffe://td1/ci/main',
    'spiffe://td1/ci/{ref}-x',
    'spiffe://td1/ci/{ref}/{ref}',
    'spiffe://td1/ci/{Ref}',
    'spiffe://td1/ci/{}',
    'spiffe://td1/ci//{ref}',
    'spiffe://td1/../{ref}',
    'spiffe://{td}/ci',
    'spiffe://td1/ci/{ref}/',
    'ci/{ref}',
  ])('is not %s', (text) => {
    expect(parseIdentityTemplate(text)).toBeUndefined();
  });

  it('overlaps another one where some ID is of both', () => {
    const form = (text: string, values: Readonly<Record<string, string>> = {}) => withValues(templateOf(text), values);
    const one = form('spiffe://td1/ci/{a}/x');
    expect(overlap(one, form('spiffe://td1/ci/{b}/{c}'))).toBe(true);
    expect(overlap(one, form('spiffe://td1/ci/{b}/{c}', { c: 'x' }))).toBe(true);
    expect(overlap(one, form('spiffe://td1/ci/{b}/{c}', { c: 'y' }))).toBe(false);
    expect(overlap(one, form('spiffe://td1/ci/{b}'))).toBe(false);
    expect(overlap(form('spiffe://td1/ci/{a}/a_b'), form('spiffe://td1/ci/{b}/{c}'))).toBe(false);
  });
});
