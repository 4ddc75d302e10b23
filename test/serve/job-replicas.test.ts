// A job's token is used once, whichever of several control planes on one Redis it is presented to, and however many ask at the same moment.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exchangeAt } from '../support/exchange-at.ts';
import { type GitlabStandIn, startGitlab } from '../support/gitlab-stand-in.ts';
import { type Replica, type Replicas, startReplicas } from '../support/replicas.ts';
import { meshText, serviceText, workloadText, yaml } from '../support/resolve-text.ts';

const template = 'spiffe://td1/ci/{project_id}/{ref_type}/{ref}';
const selector = '{attestor: gitlab-id-token, match: {instance: gitlab.example, namespace_id: "7"}}';
const documents = yaml(
  meshText(),
  serviceText('api'),
  workloadText('jobs', `{identity: {template: "${template}"}, selectors: [${selector}]}`),
);
let folder: string;
let gitlab: GitlabStandIn;
let replicas: Replicas;
let roots: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-jobs-'));
  gitlab = await startGitlab();
  const attestors = join(folder, 'attestors.yaml');
  const { issuer, caFile } = gitlab;
  const instance = `{name: gitlab.example, issuer: "${issuer}", audience: cellwall, caFile: "${caFile}"}`;
  writeFileSync(attestors, `gitlab-id-token: {instances: [${instance}]}\n`);
  replicas = await startReplicas(documents, 2, undefined, { attestors });
  const host = await replicas.all[0]?.enrol('spiffe://td1/service/api');
  roots = readFileSync(join(host?.dir ?? '', 'bundle.pem'), 'utf8');
}, 60_000);
afterAll(async () => {
  await replicas?.stop();
  await gitlab?.close();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const at = (index: number): Replica => {
  const found = replicas.all[index];
  if (found === undefined) throw new Error('there are two');
  return found;
};
const exchange = (index: number, token: string, dir: string) =>
  exchangeAt({ port: at(index).ports.identity, roots, token, dir: join(folder, dir) });

/** What is on record of jobs at both, by kind: each answers for all. */
async function onRecord(kind: string): Promise<readonly { readonly [field: string]: unknown }[]> {
  const { records } = await at(0).admin.audit(10_000);
  return records.flatMap(({ event }) => (event.kind === kind ? [event] : []));
}

test('of four that present one token at once, at two control planes, one has its SVID', {
  timeout: 60_000,
}, async () => {
  const tokens = Array.from({ length: 10 }, () => gitlab.idToken());
  const won: { readonly token: string; readonly dir: string; readonly index: number; readonly spiffeId: string }[] = [];
  for (const [number, token] of tokens.entries()) {
    const tries = [0, 1, 0, 1].map(async (index, contender) => {
      const dir = `of-${number}-${contender}`;
      return { token, dir, index, ...(await exchange(index, token, dir)) };
    });
    for (const tried of await Promise.allSettled(tries)) {
      if (tried.status === 'fulfilled') won.push(tried.value);
      else expect(tried.reason).toMatchObject({ code: 'unauthenticated', message: 'this token is not accepted' });
    }
    expect(won.map((one) => one.token)).toEqual(tokens.slice(0, number + 1));
  }
  expect(await onRecord('job-exchanged')).toHaveLength(tokens.length);
  const refused = await onRecord('job-refused');
  expect(refused).toHaveLength(3 * tokens.length);
  for (const { reason } of refused) expect(reason).toMatch(/another host has attested/);
  // Its own key may ask again, at the other one, too: an answer may have been lost.
  const [first] = won;
  if (first === undefined) throw new Error('nobody won');
  expect(await exchange(1 - first.index, first.token, first.dir)).toMatchObject({ spiffeId: first.spiffeId });
});

test('while the store is away, where nobody knows whether it was used, it is not taken', {
  timeout: 60_000,
}, async () => {
  const used = gitlab.idToken();
  await exchange(0, used, 'before');
  replicas.valkey.child?.kill('SIGSTOP');
  try {
    const tries = [exchange(1, used, 'replayed'), exchange(1, gitlab.idToken(), 'new')];
    for (const tried of await Promise.allSettled(tries)) expect(tried.status).toBe('rejected');
  } finally {
    replicas.valkey.child?.kill('SIGCONT');
  }
});
