// Hundreds of tokens that must earn nothing, over the wire: each is refused, with its reason in the audit log and none in the answer.
import { createPublicKey } from 'node:crypto';
import { request } from 'node:https';
import { afterAll, expect, it } from 'vitest';
import { createEntitlement } from '../../../src/control/entitlement.ts';
import { createCsr } from '../../../src/identity/x509/create-csr.ts';
import { fromPem } from '../../../src/identity/x509/pem.ts';
import { createProof } from '../../../src/identity/x509/possession.ts';
import { createLifecycle } from '../../../src/lib/lifecycle.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { recordExchanges } from '../../../src/serve/record-exchanges.ts';
import { makeKey } from '../../../src/sidecar/svid/node-key.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { startGitlab } from '../../support/gitlab-stand-in.ts';
import { createIdentityHarness, domainOf } from '../../support/identity-harness.ts';
import { createMemoryAudit } from '../../support/memory-audit.ts';
import { meshOf, meshText, workloadText, yaml } from '../../support/resolve-text.ts';
import { tokenCorpus } from './corpus.ts';

const clock = createFakeClock(Date.now());
const now = () => clock.now();
const [gitlab, other] = await Promise.all([startGitlab({ now }), startGitlab({ now })]);
const lifecycle = createLifecycle();
const audit = createMemoryAudit(clock);
const match = '{instance: gitlab.example, namespace_id: "7"}';
const selectors = `[{attestor: gitlab-id-token, match: ${match}}]`;
const identity = '{template: "spiffe://td1/ci/{project_id}/{ref_type}/{ref}"}';
const mesh = meshOf(yaml(meshText(), workloadText('jobs', `{identity: ${identity}, selectors: ${selectors}}`)));
const { issuer, caFile } = gitlab;
const harness = await createIdentityHarness({
  clock,
  attestors: { 'gitlab-id-token': { instances: [{ name: 'gitlab.example', issuer, caFile, audience: 'cellwall' }] } },
  entitlement: (nodes) => createEntitlement({ trustDomain: domainOf('td1'), mesh: () => mesh, nodes }),
  exchanges: recordExchanges({ audit, clock, lifecycle, log: silentLog }),
});
afterAll(async () => {
  await harness.close();
  await lifecycle.close();
  await Promise.all([gitlab.close(), other.close()]);
});

async function exchange(token: string): Promise<{ readonly status: number; readonly text: string }> {
  const key = await makeKey();
  const csr = createCsr(key);
  const [der = Buffer.alloc(0)] = fromPem(csr, 'CERTIFICATE REQUEST', 1);
  const nodeKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).toString('base64url');
  const evidence = { attestor: 'gitlab-id-token', token };
  const body = JSON.stringify({ evidence, csr, nodeKey, proof: createProof('attest', der, key) });
  return new Promise((resolve, reject) => {
    const asked = request(
      { ...harness.address, path: '/v1/attest', method: 'POST', rejectUnauthorized: false, agent: false },
      (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += String(chunk);
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}
const last = async () => (await audit.read(1)).records.at(-1)?.event;

it('are refused to the last, and say nothing', { timeout: 180_000 }, async () => {
  const corpus = tokenCorpus(gitlab, other);
  expect(new Set(corpus.map(({ name }) => name)).size).toBe(corpus.length);
  expect(corpus.length).toBeGreaterThanOrEqual(200);
  const answers = new Set<string>();
  const reasons = new Set<string>();
  const tried = qualifying ? corpus : corpus.filter((_, index) => index % 5 === 0);
  for (const { name, token } of tried) {
    // Failures are forgiven one by one; tokens are good for an hour.
    clock.advance(2001);
    const before = (await audit.read(10_000)).records.length;
    const { status, text } = await exchange(token);
    expect(status, name).toBe(401);
    answers.add(text);
    const event = await last();
    expect((await audit.read(10_000)).records, name).toHaveLength(before + 1);
    expect(event, name).toMatchObject({ kind: 'job-refused', code: 'unauthenticated' });
    if (event?.kind === 'job-refused') reasons.add(event.reason);
  }
  expect([...answers]).toHaveLength(1);
  expect(JSON.parse([...answers][0] ?? '')).toEqual({
    ...{ code: 'unauthenticated', message: 'this token is not accepted' },
    hint: 'an operator sees why: cellwall doctor svid, and in the audit log',
  });
  expect(await harness.issuer.issued()).toHaveLength(1);
  // The control: what they were made of is taken.
  expect((await exchange(gitlab.idToken())).status).toBe(200);
  expect(await last()).toMatchObject({ kind: 'job-exchanged' });
  figure('tokens', corpus.length);
  figure('refused', tried.length);
  figure('distinctAnswers', answers.size);
  figure('distinctReasons', reasons.size);
});
