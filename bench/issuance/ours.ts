// A process that issues SVIDs with this project's signer and says what they cost. `MODE COUNT`: `given` certifies keys that others made,
// `made` makes each key; `shown` prints certificates, leaf, intermediate, root, for others to verify.
import { join } from 'node:path';
import { openAuthority } from '../../src/identity/open-authority.ts';
import { makeKeyPair } from '../../src/identity/x509/key-pair.ts';
import { readPublicKey } from '../../src/identity/x509/public-key.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { parseSpiffeId, parseTrustDomain } from '../../src/model/spiffe-id.ts';

const [mode = 'given', wanted = '10000'] = process.argv.slice(2);
const count = Number(wanted);
const trustDomain = parseTrustDomain('bench.example');
const spiffeId = parseSpiffeId('spiffe://bench.example/cell/cell-1/service/api');
if (trustDomain === undefined || spiffeId === undefined) throw new Error('no identity');
const clock = systemClock;
const dir = join(temporaryFolder('issuance'), 'ca');
const { signer, bundle, close } = await openAuthority({}, { dir, trustDomain, clock, log: silentLog });
const nodeKey = '00'.repeat(32);
// As they come out of requests.
const keys = Array.from({ length: 1000 }, () => readPublicKey(makeKeyPair().spki));

async function issue(at: number): Promise<string> {
  const pair = mode === 'made' ? makeKeyPair() : undefined;
  const publicKey = pair?.spki ?? keys[at % keys.length];
  if (publicKey === undefined || spiffeId === undefined) throw new Error('no key');
  const now = clock.now();
  const dates = { notBefore: new Date(now - 600_000), notAfter: new Date(now + 3_600_000) };
  const { chain } = await signer.sign({ spiffeId, publicKey, ...dates, dnsNames: [], nodeKey });
  return (pair?.privateKey.reveal() ?? '') + chain;
}

if (mode === 'shown') {
  for (let at = 0; at < count; at += 1) process.stdout.write((await issue(at)) + bundle.value().roots.join(''));
} else {
  for (let at = 0; at < count / 2; at += 1) await issue(at);
  const [before, began] = [process.cpuUsage(), performance.now()];
  for (let at = 0; at < count; at += 1) await issue(at);
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(
    `${JSON.stringify({ count, cpuMs: (user + system) / 1000, wallMs: performance.now() - began })}\n`,
  );
}
await close();
