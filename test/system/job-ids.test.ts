// From a signed token to its SPIFFE ID: refs and environments of hostile letters go through the attestor, and go-spiffe judges the IDs.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createGitlabIdTokenAttestor } from '../../src/identity/attestor/gitlab-id-token.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createWatched } from '../../src/lib/watchable.ts';
import { decodeIdentity, parseIdentityTemplate } from '../../src/model/identity-template.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import { earnedIdentity } from '../../src/policy/identities.ts';
import { createRandom } from '../adversary/fuzz/random.ts';
import { figure, qualifying } from '../support/figure.ts';
import { type GitlabStandIn, startGitlab } from '../support/gitlab-stand-in.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { meshOf, meshText, workloadText, yaml } from '../support/resolve-text.ts';
import { testBundle } from '../support/test-bundle.ts';

const text = 'spiffe://td1/ci/{project_id}/{ref_type}/{ref}/{environment}';
const template = parseIdentityTemplate(text);
const wanted = qualifying ? 2000 : 200;
const pieces = [
  '/',
  '.',
  '..',
  '_',
  '_2f',
  '%2f',
  '%',
  '%00',
  'é',
  '日',
  '🦊',
  '\ud83e',
  '\u0000',
  '\u202e',
  ' ',
  '\n',
  'main',
  'A',
  '42',
];
let gitlab: GitlabStandIn;
beforeAll(async () => {
  gitlab = await startGitlab();
});
afterAll(() => gitlab.close());

test('each distinct pair of names has an ID of its own, which tells them, or none', { timeout: 300_000 }, async () => {
  const { issuer, caFile } = gitlab;
  const attestor = createGitlabIdTokenAttestor({
    tokens: createMemoryTable(),
    nodes: { find: async () => undefined },
    ...{ clock: systemClock, bundle: createWatched(await testBundle()), log: silentLog },
    options: { 'gitlab-id-token': { instances: [{ name: 'g', issuer, caFile, audience: 'cellwall' }] } },
  });
  const selectors = '[{attestor: gitlab-id-token, match: {instance: g}}]';
  const { identities } = meshOf(
    yaml(meshText(), workloadText('jobs', `{identity: {template: "${text}"}, selectors: ${selectors}}`)),
  );
  const random = createRandom();
  const name = (): string => {
    const length = random.below(20) === 0 ? 300 + random.below(1748) : 1 + random.below(5);
    return Array.from({ length }, () =>
      random.below(9) === 0 ? String.fromCharCode(random.below(0x10000)) : random.of(pieces),
    )
      .join('')
      .slice(0, 2048);
  };
  const made = new Map<string, string>();
  const seen = new Set<string>();
  let tooLong = 0;
  while (seen.size < wanted) {
    const claims = { ref: name(), environment: name() };
    const pair = JSON.stringify(claims);
    if (seen.has(pair)) continue;
    seen.add(pair);
    const token = gitlab.idToken({ claims });
    // It has the ref three times: names at their longest may make it longer than a token may be.
    if (token.length > 16_384) {
      tooLong += 1;
      continue;
    }
    const evidence = await attestor?.attest({ token }, { nodeKey: 'a' });
    if (evidence === undefined) throw new Error('it is not configured');
    const earned = earnedIdentity(identities, evidence);
    if (earned.kind === 'nothing') {
      expect(6 * (claims.ref.length + claims.environment.length)).toBeGreaterThan(1900);
      tooLong += 1;
      continue;
    }
    expect(made.get(earned.spiffeId), earned.spiffeId).toBeUndefined();
    made.set(earned.spiffeId, pair);
    expect(parseSpiffeId(earned.spiffeId)).toBe(earned.spiffeId);
    const back = template === undefined ? undefined : decodeIdentity(template, earned.spiffeId);
    expect(back).toEqual({ project_id: '42', ref_type: 'branch', ...claims });
  }
  const cwd = join(import.meta.dirname, 'go-spiffe');
  const judged = execFileSync('go', ['run', './ids'], {
    cwd,
    input: `${[...made.keys()].join('\n')}\n`,
    encoding: 'utf8',
  });
  expect(JSON.parse(judged)).toEqual({ taken: made.size, refused: 0 });
  figure('tokens', seen.size);
  figure('jobIds', made.size);
  figure('tooLongForAnIdOfAJob', tooLong);
});
