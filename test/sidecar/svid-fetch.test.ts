// SVIDs as files: matching pairs, closed to others, renewed; means tried in order.
import { spawnSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { type FetchSvidOptions, fetchSvid } from '../../src/sidecar/svid/svid-fetch.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createIdentityHarness, type IdentityHarness } from '../support/identity-harness.ts';

const spiffeId = 'spiffe://td1/service/http-router';
let clock: FakeClock;
let harness: IdentityHarness;
let base: string;
let options: Omit<FetchSvidOptions, 'token'>;

beforeEach(async () => {
  clock = createFakeClock(Date.now());
  harness = await createIdentityHarness();
  base = mkdtempSync(join(tmpdir(), 'cellwall-fetch-'));
  options = { identity: `127.0.0.1:${harness.address.port}`, dir: join(base, 'svid'), log: silentLog, clock };
});

afterEach(async () => {
  await harness.close();
  rmSync(base, { recursive: true, force: true });
});

const serial = (path: string): string => new X509Certificate(readFileSync(path)).serialNumber;

describe('svid fetch', () => {
  it('writes a certificate, its key and the bundle, and renews without a token', async () => {
    const first = await fetchSvid({ ...options, token: await harness.token(spiffeId) });
    expect(first.spiffeId).toBe(spiffeId);
    expect(statSync(first.key).mode & 0o777).toBe(0o600);
    expect(statSync(options.dir).mode & 0o777).toBe(0o700);
    const before = serial(first.chain);
    const second = await fetchSvid(options);
    expect(serial(second.chain)).not.toBe(before);
    const leaf = new X509Certificate(readFileSync(second.chain));
    expect(leaf.checkPrivateKey(createPrivateKey(readFileSync(second.key)))).toBe(true);
    for (let renewal = 0; renewal < 3; renewal += 1) await fetchSvid(options);
    expect(readdirSync(options.dir).filter((name) => name.startsWith('version-'))).toHaveLength(2);
  });

  it('makes files that a TLS client of one’s own can use', async () => {
    const { chain, key, bundle } = await fetchSvid({ ...options, token: await harness.token(spiffeId) });
    const [cert, secret, ca] = [chain, key, bundle].map((path) => readFileSync(path, 'utf8'));
    const socket = connect({ ...harness.address, cert, key: secret, ca, checkServerIdentity: () => undefined });
    const authorized = await new Promise((resolve, reject) => {
      socket.on('secureConnect', () => resolve(socket.authorized)).on('error', reject);
    });
    expect(authorized).toBe(true);
    socket.destroy();
    expect(spawnSync('openssl', ['verify', '-CAfile', bundle, '-untrusted', chain, chain]).status).toBe(0);
  });

  it('returns by its node key after the SVID ended', async () => {
    await fetchSvid({ ...options, token: await harness.token(spiffeId) });
    // To the client it has: it does not even try to renew.
    clock.advance(5 * 3_600_000);
    expect((await fetchSvid(options)).spiffeId).toBe(spiffeId);
  });

  it('takes a new token when neither the SVID nor the node key is known any more', async () => {
    await fetchSvid({ ...options, token: await harness.token(spiffeId) });
    const remade = await createIdentityHarness();
    try {
      const there = { ...options, identity: `127.0.0.1:${remade.address.port}` };
      await expect(fetchSvid(there)).rejects.toMatchObject({ code: 'unauthenticated' });
      const token = await remade.token(spiffeId);
      expect((await fetchSvid({ ...there, token })).spiffeId).toBe(spiffeId);
    } finally {
      await remade.close();
    }
  });

  it('refuses without evidence, with a bad token, or when others may read the key', async () => {
    await expect(fetchSvid(options)).rejects.toMatchObject({ code: 'failed_precondition' });
    const token = new Redacted(`cw1.${'s'.repeat(43)}`);
    const refusal = await fetchSvid({ ...options, token }).catch((reason: unknown) => String(reason));
    expect(refusal).toMatch(/no join token/);
    expect(refusal).not.toContain('sss');
    await fetchSvid({ ...options, token: await harness.token(spiffeId) });
    chmodSync(join(options.dir, 'current/key.pem'), 0o644);
    await expect(fetchSvid(options)).rejects.toThrow(/has mode 0644/);
  });

  it('says that the control plane is away, and keeps what it has', async () => {
    const { chain } = await fetchSvid({ ...options, token: await harness.token(spiffeId) });
    const before = serial(chain);
    const away = { ...options, identity: '127.0.0.1:1' };
    await expect(fetchSvid(away)).rejects.toMatchObject({ code: 'unavailable', hint: expect.stringMatching(/runs/) });
    expect(serial(chain)).toBe(before);
  });
});
