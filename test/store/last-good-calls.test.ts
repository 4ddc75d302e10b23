// Calls between real Envoys while changes are held, while the control plane dies again and again under new documents, and while what it
// kept on disk is damaged: none fails, and what is in force is what should be.
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { runSidecar, type Sidecar } from '../../src/sidecar/run-sidecar.ts';
import { startHttp1Echo } from '../support/echo-application.ts';
import { eventually } from '../support/eventually.ts';
import { figure } from '../support/figure.ts';
import { freePorts } from '../support/free-ports.ts';
import { protocolLoad } from '../support/protocol-load.ts';
import { policyText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeProcess, startServeProcess } from '../support/serve-process.ts';

let serve: ServeProcess;
let outbound: number;
const closers: (() => unknown)[] = [];
const names = Array.from({ length: 12 }, (_, index) => `more-${index}`);

beforeAll(async () => {
  const application = await startHttp1Echo();
  closers.push(() => application.stop());
  const [out = 0, inbound = 0] = await freePorts(2);
  outbound = out;
  serve = await startServeProcess(
    yaml(
      'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
      serviceText('api', 'http1'),
      serviceText('web', 'http1', `, dependsOn: [{service: api, listen: ${outbound}}]`),
      policyText('api', 'api', 'allow', '[{from: [{service: web}]}]'),
    ),
    { args: ['--soak-seconds', '2'] },
  );
  for (const name of names) writeFileSync(file(name), yaml(serviceText(name)));
  await sidecar('api', { inbound, application: application.port });
  await sidecar('web');
  await eventually(
    'calls work',
    () =>
      calls(async () => {}).then(
        (fine) => fine > 0,
        () => false,
      ),
    60_000,
  );
}, 120_000);
afterAll(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await serve?.stop();
});

const file = (name: string): string => join(serve.folder, 'documents', `${name}.yaml`);
async function sidecar(service: string, ports?: { readonly inbound: number; readonly application: number }) {
  const { token } = await serve.admin.createToken({ service });
  const started = await runSidecar({
    ...{
      identity: `127.0.0.1:${serve.ports.identity}`,
      xds: `127.0.0.1:${serve.ports.xds}`,
      token: new Redacted(token),
    },
    dataDir: join(serve.folder, service),
    ...(ports && { inbound: `127.0.0.1:${ports.inbound}`, application: `127.0.0.1:${ports.application}` }),
    ...{ env: process.env, log: silentLog, envoyWords: { write() {} }, drainSeconds: 1 },
  });
  closers.push(() => end(started));
}

async function end({ envoyPid, exited }: Sidecar): Promise<void> {
  try {
    process.kill(envoyPid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
  await exited;
}

/** How many calls went well during `during`; throws if one failed. */
async function calls(during: () => Promise<void>): Promise<number> {
  const load = protocolLoad('http1', outbound);
  try {
    await during();
    await new Promise((resolve) => setTimeout(resolve, 300));
  } finally {
    const { fine, failed } = await load.end();
    made = { fine, failed: failed.length };
  }
  if (made.failed > 0) throw new Error(`${made.failed} calls failed`);
  return made.fine;
}
let made = { fine: 0, failed: 0 };

const keys = async () => (await serve.admin.documents()).documents.map(({ key }) => key);
const status = () => serve.admin.status();
const kept = async () => (await status()).lastGood?.kept ?? [];
const problem = (code: string) =>
  eventually(code, async () => (await status()).problems.find((one) => one.code === code), 30_000);
const well = () => eventually('well', async () => (await status()).problems.length === 0 || undefined, 30_000);
const proven = () =>
  eventually('proven', async () => (await kept())[0]?.revision === (await status()).revision || undefined, 30_000);
const events = async () => (await serve.admin.audit()).records.map(({ event }) => event.kind);
const connected = () =>
  eventually('both proxies', async () => (await status()).proxies.connected === 2 || undefined, 60_000);

it('limits: what is held cuts nobody off, and neither does the confirmation', async () => {
  await eventually('all there', async () => (await keys()).length === 4 + names.length || undefined, 30_000);
  const fine = await calls(async () => {
    const changes = names.map((name) => ({ op: 'delete' as const, key: `Service/${name}` }));
    expect(await serve.admin.apply({ changes })).toMatchObject({ problems: [{ code: 'mass-deletion' }] });
    for (const name of readdirSync(join(serve.folder, 'documents'))) {
      if (name.startsWith('more-')) rmSync(join(serve.folder, 'documents', name));
    }
    await problem('mass-deletion');
    expect((await keys()).length).toBe(4 + names.length);
    expect(await serve.admin.apply({ changes, confirm: ['mass-deletion'] })).toMatchObject({ kind: 'applied' });
    await well();
    expect((await keys()).length).toBe(4);
  });
  figure('limitsCalls', fine);
  figure('limitsFailed', made.failed);
}, 120_000);

it('crash-loop: three deaths lead back to the last good state, until it is confirmed', async () => {
  await proven();
  const [{ revision } = { revision: 0 }] = await kept();
  const fine = await calls(async () => {
    writeFileSync(file('suspect'), yaml(serviceText('suspect')));
    await eventually('in force', async () => (await keys()).includes('Service/suspect') || undefined, 30_000);
    for (let death = 1; death <= 3; death++) await serve.crash();
    expect(await keys()).not.toContain('Service/suspect');
    await problem('crash-loop');
    expect((await status()).lastGood?.fallback).toEqual({ kind: 'crash-loop', revision });
    expect(await (await fetch(`${serve.url}/metrics`)).text()).toContain('\ncellwall_last_good_started 1\n');
    expect(await events()).toContain('last-good-started');
    await connected();
    const text = yaml(serviceText('suspect'));
    expect(await serve.admin.apply({ text })).toMatchObject({ problems: [{ code: 'crash-loop' }] });
    expect(await serve.admin.apply({ text, confirm: ['crash-loop'] })).toMatchObject({ kind: 'applied' });
    await well();
    expect(await keys()).toContain('Service/suspect');
  });
  figure('crashLoopCalls', fine);
  figure('crashLoopFailed', made.failed);
}, 180_000);

it('last-good: damage on disk leads back to it, and the newest of them is damaged as well', async () => {
  await proven();
  await serve.admin.apply({ text: yaml(serviceText('newest')) });
  await proven();
  const before = await keys();
  const folder = join(serve.folder, 'data', 'state', 'last-good');
  const fine = await calls(async () => {
    await serve.restart(() => {
      const database = new DatabaseSync(join(serve.folder, 'data', 'state', 'cellwall.db'));
      database.exec("UPDATE files SET digest = '00', text = substr(text, 1, length(text) / 2)");
      database.close();
      const [newest = ''] = readdirSync(folder).toReversed();
      writeFileSync(join(folder, newest), '{"digest": "half writ');
    });
    expect((await status()).lastGood?.fallback?.kind).toBe('damaged');
    // The files say what is to be in force, and it is, with calls all the while.
    await well();
    await eventually('as before', async () => (await keys()).join() === before.join() || undefined, 30_000);
    await connected();
    expect(await events()).toContain('last-good-started');
  });
  figure('lastGoodCalls', fine);
  figure('lastGoodFailed', made.failed);
}, 120_000);
