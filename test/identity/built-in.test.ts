// The CA on disk: one root for all who start at once, and never a new one in place of one that was lost.
import { fork } from 'node:child_process';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAuthority } from '../../src/identity/open-authority.ts';
import { bundlePem } from '../../src/identity/trust-bundle.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { domainOf } from '../support/identity-harness.ts';

let base: string;
let dir: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'cellwall-ca-'));
  dir = join(base, 'ca');
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

async function start(trustDomain = 'td1'): Promise<string> {
  const deps = { dir, trustDomain: domainOf(trustDomain), clock: systemClock, log: silentLog };
  const authority = await openAuthority({}, deps);
  await authority.close();
  return bundlePem(authority.bundle.value());
}

describe('the first start', () => {
  it('keeps everything to its owner, and a second start finds the same root', async () => {
    const bundle = await start();
    expect(await start()).toBe(bundle);
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    const files = readdirSync(dir, { recursive: true, withFileTypes: true });
    const keys = files.filter(({ name }) => name === 'key.pem');
    expect(keys).toHaveLength(2);
    for (const { parentPath, name } of keys) expect(statSync(join(parentPath, name)).mode & 0o777).toBe(0o600);
  });

  it('gives one root to several that start at once', async () => {
    const bundles = await Promise.all(Array.from({ length: 8 }, () => start()));
    expect(new Set(bundles).size).toBe(1);
    expect(readdirSync(dir).sort()).toEqual(['bundle.pem', 'issuers', 'root', 'trust-bundle.json']);
    expect(readdirSync(join(dir, 'issuers'))).toEqual(['000001']);
  });

  it('gives one root to several processes that start at once', async () => {
    const script = join(import.meta.dirname, '../support/start-authority.ts');
    const outputs = await Promise.all(
      Array.from(
        { length: 4 },
        () =>
          new Promise<string>((resolve, reject) => {
            const child = fork(script, [dir], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
            let text = '';
            child.stdout?.on('data', (chunk: Buffer) => {
              text += chunk.toString();
            });
            child.on('exit', (code) => (code === 0 ? resolve(text) : reject(new Error(`exit ${code}`))));
          }),
      ),
    );
    expect(new Set(outputs).size).toBe(1);
    expect(outputs[0]).toContain('BEGIN CERTIFICATE');
  });
});

describe('a start is refused', () => {
  const key = (): string => join(dir, 'root/key.pem');

  it.each([
    ['the root folder is lost', () => renameSync(join(dir, 'root'), join(base, 'away')), /is lost/],
    ['the root key is lost', () => rmSync(key()), /cannot be used/],
    ['the root key is empty', () => writeFileSync(key(), ''), /cannot be used/],
    [
      'the root key is another',
      () => writeFileSync(key(), readFileSync(join(dir, 'issuers/000001/key.pem'))),
      /not that of/,
    ],
    ['the root key may be read by others', () => chmodSync(key(), 0o640), /has mode 0640/],
    [
      'the root key is a symlink',
      () => {
        renameSync(key(), join(base, 'key.pem'));
        symlinkSync(join(base, 'key.pem'), key());
      },
      /is a symlink/,
    ],
    ['the folder may be entered by others', () => chmodSync(dir, 0o750), /has mode 0750/],
    ["the issuer's key is lost", () => rmSync(join(dir, 'issuers/000001/key.pem')), /cannot be used/],
  ])('when %s', async (_, damage, message) => {
    const bundle = await start();
    damage();
    const refusal = await start().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(refusal).toMatchObject({ code: 'failed_precondition' });
    expect(String(refusal)).toMatch(message);
    expect(refusal).toHaveProperty('hint', expect.stringMatching(/./));
    expect(readFileSync(join(dir, 'bundle.pem'), 'utf8')).toBe(bundle);
  });

  it('for another trust domain', async () => {
    await start('td1');
    await expect(start('td2')).rejects.toThrow(/is that of spiffe:\/\/td1/);
  });
});
