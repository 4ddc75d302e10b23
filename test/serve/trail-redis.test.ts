// Where the audit log ends is kept in Redis when that is the store, signed, for each control plane's own log: one whose end was cut off
// together with all that its host knew of the store is known by it.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { AuditLog } from '../../src/audit/audit-log.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { openAudit } from '../../src/serve/open-audit.ts';
import { openStore } from '../../src/serve/open-store.ts';
import { type ControlPlaneSigner, controlPlaneSigner, whyUnvouched } from '../support/control-plane-signer.ts';
import { acceptsAll } from '../support/judged.ts';
import { startValkey, type Valkey } from '../support/valkey.ts';

const deps = { clock: systemClock, log: silentLog };
const holding = { hold: () => undefined, release() {}, watch: () => () => {} };
let valkey: Valkey;
let folder: string;
let ca: ControlPlaneSigner;
beforeAll(async () => {
  valkey = await startValkey(['--loglevel', 'warning']);
  folder = mkdtempSync(join(tmpdir(), 'cellwall-trail-redis-'));
  ca = await controlPlaneSigner('td1');
}, 60_000);
afterAll(async () => {
  await valkey.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** `local`: the folder with what this host knows of the store. */
async function withLog<T>(data: string, local: string, task: (audit: AuditLog) => Promise<T>): Promise<T> {
  for (const path of [data, local]) mkdirSync(path, { recursive: true, mode: 0o700 });
  const choice = { kind: 'redis', options: { url: new Redacted(valkey.url) } } as const;
  const { store } = await openStore({ store: choice, data: local }, { check: acceptsAll, holding, ...deps });
  const audit = await openAudit({ data, store, shared: true, ...deps });
  try {
    return await task(audit);
  } finally {
    await audit.close();
    await store.close();
  }
}

it('tells of a cut end when nothing but the key is left of what the host knew', async () => {
  const [data, other, fresh] = [join(folder, 'data'), join(folder, 'other'), join(folder, 'fresh')];
  for (const path of [data, other]) {
    await withLog(path, data, async (audit) => {
      audit.signWith(ca);
      for (const name of ['ann', 'bob', 'eve']) {
        await audit.append({ kind: 'admin-token-revoked', author: 'operator', name });
      }
    });
    // One deployment has one key.
    if (path === data) {
      mkdirSync(other, { mode: 0o700 });
      copyFileSync(join(data, 'seal.key'), join(other, 'seal.key'));
    }
  }
  const log = join(data, 'audit.jsonl');
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
  const cut = lines.slice(0, -2);
  writeFileSync(log, cut.map((line) => `${line}\n`).join(''));
  mkdirSync(fresh, { mode: 0o700 });
  copyFileSync(join(data, 'seal.key'), join(fresh, 'seal.key'));
  await withLog(data, fresh, async (audit) => {
    const kept = await audit.checkpoints();
    const ids = [data, other].map((path) => readFileSync(join(path, 'audit.id'), 'utf8').trim());
    expect(kept.map((one) => one.log).toSorted()).toEqual(ids.toSorted());
    expect(kept.map((one) => whyUnvouched(one, ca.bundle))).toEqual([undefined, undefined]);
    expect(kept.map(({ number }) => number)).toEqual([lines.length, lines.length]);
    expect((await audit.read(10)).fault).toMatchObject({
      kind: 'cut',
      what: `at a start the log ended with record ${cut.length}, and had ended with record ${lines.length}`,
    });
  });
}, 60_000);
