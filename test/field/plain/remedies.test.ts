// What `explain` proposes can be applied, and allows the call that was asked about: for random calls, of every protocol.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answerExplain } from '../../../src/admin/answer-explain.ts';
import type { ExplainQuery } from '../../../src/admin/wire.ts';
import { formatExplanation } from '../../../src/cli/output/format-explanation.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { meshOf, meshText, serviceText, yaml } from '../../support/resolve-text.ts';

const protocols = ['http1', 'http2', 'grpc', 'tcp'] as const;
const documents = [
  meshText('strict'),
  serviceText(
    'web',
    'http1',
    `, dependsOn: [${protocols.map((name, index) => `{service: ${name}, listen: ${9000 + index}}`).join(', ')}]`,
  ),
  ...protocols.map((name) => serviceText(name, name, ', paths: {escapedSlashes: keep}')),
];
const mesh = meshOf(yaml(...documents));

const segment = fc.oneof(
  fc.constantFrom('api', 'v4', '%2F', 'a;b', 'x*', '{id}', 'ü', '~', 'a.B', '%41', ''),
  fc.string({ maxLength: 8 }),
  fc.string({ minLength: 200, maxLength: 1200, unit: fc.constantFrom('a', '%20', '-') }),
);
const query = fc.record(
  {
    caller: fc.constantFrom('web', 'spiffe://td1/jobs/x'),
    target: fc.constantFrom(...protocols),
    method: fc.constantFrom('GET', 'POST', 'PURGE', 'PROPFIND', 'CONNECT', 'TRACE', 'get'),
    path: fc.array(segment, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`),
    grpc: fc.constantFrom('a.B/C', 'a.b.C/d', 'weird method', 'a.B/*'),
  },
  { requiredKeys: ['caller', 'target'] },
);

test('a remedy can be applied, and allows the call', { timeout: 600_000 }, () => {
  let remedies = 0;
  fc.assert(
    fc.property(query, (asked) => {
      const answer = answerExplain(mesh, asked);
      if (answer.remedy === undefined) return;
      remedies++;
      const withIt = meshOf(`${yaml(...documents)}---\n${answer.remedy.policy}`);
      expect(answerExplain(withIt, asked).decision).toBe('allowed');
    }),
    { numRuns: qualifying ? 20_000 : 500 },
  );
  figure('remediesApplied', remedies);
  expect(remedies).toBeGreaterThan(100);
});

describe('a TCP service', () => {
  const ask = (more: Partial<ExplainQuery> = {}) => {
    const asked = { caller: 'web', target: 'tcp', ...more };
    return formatExplanation(answerExplain(mesh, asked), asked);
  };
  test('is asked about a connection', () => {
    expect(ask()).toContain('a connection (TCP)');
    expect(ask()).not.toContain('GET');
  });
  test('says that a method and a path do not matter', () => {
    expect(ask({ method: 'PUT', path: '/x' })).toContain('note: tcp is a TCP service: the caller alone decides');
    expect(ask({ grpc: 'a.B/C' })).not.toMatch(/methods:|grpc: a/);
  });
});

test('a gRPC service that is asked about nothing says what was assumed', () => {
  const asked = { caller: 'web', target: 'grpc' };
  expect(formatExplanation(answerExplain(mesh, asked), asked)).toContain('ask with --grpc package.Service/Method');
});
