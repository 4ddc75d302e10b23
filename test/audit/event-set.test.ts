// The set of events is closed: each kind is written somewhere, is seen by a test of whoever writes it, and nothing else is written.
import { expect, it } from 'vitest';
import { auditEventSchema, routineKinds } from '../../src/audit/audit-event.ts';
import { sourceFiles } from '../support/source-files.ts';

const kinds = auditEventSchema.options.flatMap(({ shape }) => [...shape.kind.values].map(String));
const sources = sourceFiles(['src'], ['.ts']).filter(({ path }) => !path.startsWith('src/audit/events/'));
const tests = sourceFiles(['test'], ['.test.ts']).filter(({ path }) => !path.startsWith('test/audit/event-set'));
/** Not in a type. */
const writes = (kind: string, text: string): boolean =>
  text
    .split('\n')
    .some((line) => line.includes(`kind: '${kind}'`) && !/Extract<|^export interface|readonly kind/.test(line));

it('has no kind twice, and what is recorded all the time is some of them', () => {
  expect(new Set(kinds).size).toBe(kinds.length);
  expect(kinds.length).toBeGreaterThan(30);
  for (const kind of routineKinds) expect(kinds).toContain(kind);
});

it.each(kinds)('%s is written where it happens, and a test sees it', (kind) => {
  const where = sources.filter(({ text }) => /append|record\(|note\(/.test(text) && writes(kind, text));
  expect(where.map(({ path }) => path)).not.toEqual([]);
  const seen = tests.filter(({ text }) => new RegExp(`\\b${kind}\\b`).test(text));
  expect(seen.map(({ path }) => path)).not.toEqual([]);
});

it('covers what evidence is asked for', () => {
  const asked: Readonly<Record<string, readonly string[]>> = {
    'changes of policy': ['documents-applied', 'rolled-back', 'change-approved', 'change-rejected', 'change-waits'],
    issuance: ['certificates-issued', 'jwt-svids-issued', 'job-exchanged', 'intermediate-certified', 'token-created'],
    attestation: ['host-attested', 'job-exchanged'],
    refusals: ['svid-refused', 'svids-refused', 'job-refused', 'jobs-refused', 'admin-refused', 'admin-denied'],
    bans: ['banned', 'unbanned', 'host-evicted'],
    rotations: ['root-rotation', 'certificates-rotated'],
    logins: ['admin-signed-in', 'admin-refused', 'admin-token-created', 'admin-token-revoked'],
    forces: ['cut-over-forced', 'cut-over-warned', 'change-confirmed', 'break-glass-used'],
  };
  for (const [what, needed] of Object.entries(asked)) expect(kinds, what).toEqual(expect.arrayContaining([...needed]));
});
