// IDs of a template, judged by go-spiffe: of random claims, and of claims that were made to meet each other.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { decodeIdentity, parseIdentityTemplate, renderIdentity } from '../../src/model/identity-template.ts';
import { createRandom } from '../adversary/fuzz/random.ts';
import { figure, qualifying } from '../support/figure.ts';

const wanted = qualifying ? 200_000 : 20_000;
const template = parseIdentityTemplate('spiffe://td1/ci/project/{project_id}/{ref_type}/{ref}');
const verdict = z.object({ taken: z.number(), refused: z.number() });
/** What values meet by, if they do: escapes, their parts, separators, dots, and letters from everywhere. */
const pieces = [
  '/',
  '.',
  '..',
  '_',
  '__',
  '_2f',
  '_2e',
  '_u00e9',
  '%2f',
  '2f',
  'u',
  '',
  ' ',
  '\n',
  'é',
  '日',
  '🦊',
  '\ud83e',
];
const words = ['main', 'release-1.2', 'feature', 'branch', 'tag', '42', 'A', 'a'];

test('distinct claims give distinct IDs, each decodes to its claims, and go-spiffe takes every one', {
  timeout: 300_000,
}, () => {
  if (template === undefined) throw new Error('no template');
  const random = createRandom();
  const value = (): string => {
    if (random.below(4) === 0) return random.of(words);
    const length = random.below(200) === 0 ? 300 + random.below(1500) : random.below(6);
    return Array.from({ length }, () =>
      random.below(8) === 0 ? String.fromCharCode(random.below(0x10000)) : random.of(random.below(3) ? pieces : words),
    ).join('');
  };
  const claimsOf = new Map<string, string>();
  const seen = new Set<string>();
  let tooLong = 0;
  while (seen.size < wanted) {
    const claims = { project_id: value(), ref_type: value(), ref: value() };
    const text = JSON.stringify(claims);
    if (seen.has(text)) continue;
    seen.add(text);
    const id = renderIdentity(template, claims);
    if (id === undefined) {
      // The escapes of what is left out are six bytes a unit at most: nothing short is refused.
      expect(6 * (claims.project_id.length + claims.ref_type.length + claims.ref.length)).toBeGreaterThan(1900);
      tooLong += 1;
      continue;
    }
    expect(claimsOf.get(id), id).toBeUndefined();
    claimsOf.set(id, text);
    if (JSON.stringify(decodeIdentity(template, id)) !== text) throw new Error(`${id} is not of ${text}`);
  }
  const ids = [...claimsOf.keys()];
  const goSpiffe = (lines: readonly string[]) =>
    verdict.parse(
      JSON.parse(
        execFileSync('go', ['run', './ids'], {
          cwd: join(import.meta.dirname, 'go-spiffe'),
          input: `${lines.join('\n')}\n`,
          encoding: 'utf8',
        }),
      ),
    );
  const judged = goSpiffe(ids);
  expect(judged).toEqual({ taken: ids.length, refused: 0 });
  // The control: it does refuse what is none.
  expect(goSpiffe(['spiffe://td1/ci/..', 'spiffe://td1/a%2fb', 'spiffe://td1/é', 'spiffe://td1/ci/'])).toMatchObject({
    taken: 0,
    refused: 4,
  });
  figure('claimSets', seen.size);
  figure('distinctIds', ids.length);
  figure('tooLongForAnId', tooLong);
  figure('refusedByGoSpiffe', judged.refused);
});
