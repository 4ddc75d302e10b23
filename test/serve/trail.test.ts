// The trail of a real control plane, from what happens to whoever verifies it: what is in it, a copy of it elsewhere, and by the command,
// with the roots and a checkpoint from before, what somebody did to it.
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRecord } from '../../src/audit/audit-record.ts';
import { runCli } from '../support/cli-harness.ts';
import { eventually } from '../support/eventually.ts';
import { figure } from '../support/figure.ts';
import { meshText, serviceText, yaml } from '../support/resolve-text.ts';
import { type ServeHarness, startServe } from '../support/serve-harness.ts';

let folder: string;
let plane: ServeHarness;
let log: string;
let copy: string;
let roots: string;
let kept: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cellwall-trail-'));
  [copy, roots, kept] = [join(folder, 'copy.jsonl'), join(folder, 'roots.pem'), join(folder, 'kept.json')];
  const auditSinks = join(folder, 'sinks.yaml');
  writeFileSync(auditSinks, `sinks: [{kind: file, path: ${copy}}]\n`);
  plane = await startServe(yaml(meshText(), serviceText('web')), { auditSinks });
  log = join(plane.folder, 'data', 'audit.jsonl');
  await plane.admin.apply({ text: yaml(serviceText('api')), reason: 'a second service' });
  const { bundle } = await plane.enrol('spiffe://td1/service/web');
  writeFileSync(roots, readFileSync(bundle));
  await plane.admin.ban({ identity: 'api', reason: 'trial' });
  // Stopped in order: with a last checkpoint, in the log, outside of it and in the copy.
  await plane.restart(async () => {
    expect(lines(copy)).toEqual(lines(log));
  });
  await eventually('what a start leaves is there', async () =>
    lines(log).length === lines(copy).length ? true : undefined,
  );
}, 60_000);
afterAll(async () => {
  await plane.stop();
  rmSync(folder, { recursive: true, force: true });
});

function lines(file: string): readonly string[] {
  return readFileSync(file, 'utf8').trimEnd().split('\n');
}
/** Of the record up to which somebody else knows the log: it goes on meanwhile. */
const keptNumber = (): number => JSON.parse(readFileSync(kept, 'utf8'))[0].number;
const events = () => lines(log).flatMap((line) => parseRecord(line)?.event ?? []);
async function verify(...args: readonly string[]) {
  const { code, stdout, stderr } = await runCli(['audit', 'verify', ...args, '-o', 'json']);
  return { code, stderr, verdict: JSON.parse(stdout) };
}

it('has who changed what and why, who came, who was given an identity, and its own checkpoints', () => {
  const all = events();
  const about = (kind: string) => all.filter((event) => event.kind === kind);
  expect(about('documents-applied')).toMatchObject([{ author: 'operator', reason: 'a second service' }]);
  expect(about('admin-signed-in')).not.toHaveLength(0);
  expect(about('token-created')).toMatchObject([{ author: 'operator', spiffeId: 'spiffe://td1/service/web' }]);
  expect(about('host-attested')).toMatchObject([{ attestor: 'join-token', spiffeId: 'spiffe://td1/service/web' }]);
  expect(about('banned')).toMatchObject([{ author: 'operator', reason: 'trial' }]);
  expect(about('checkpoint').length).toBeGreaterThan(0);
  const issued = all.flatMap((event) => (event.kind === 'certificates-issued' ? event.issued : []));
  expect(issued.map(({ spiffeId }) => spiffeId)).toEqual(
    expect.arrayContaining(
      ['service/web', 'cellwall/server', 'cellwall/checkpoint'].map((path) => `spiffe://td1/${path}`),
    ),
  );
  expect(issued.every(({ serial }) => /^[0-9a-f]+$/.test(serial))).toBe(true);
  // Certificates of checkpoints are the only thing in it that looks like a token.
  const rest = readFileSync(log, 'utf8').replaceAll(/"protected":"[^"]+"/g, '');
  expect(rest).not.toMatch(/PRIVATE|eyJ/);
});

it('is verified by the command with the roots and a checkpoint; so is the copy of a sink', async () => {
  const { checkpoints } = await plane.admin.auditCheckpoints();
  expect(checkpoints).toHaveLength(1);
  writeFileSync(kept, JSON.stringify(checkpoints));
  for (const file of [log, copy]) {
    const { code, verdict } = await verify(file, '--bundle', roots, '--checkpoints', kept);
    expect([code, verdict]).toEqual([0, expect.objectContaining({ intact: true, compared: 1, faults: [] })]);
    expect(verdict.vouched).toBeGreaterThan(0);
  }
  const { code, stdout } = await runCli(['audit', 'verify', '--data', join(plane.folder, 'data'), '--bundle', roots]);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^intact: \d+ records, 1 \(20.*\) to \d+ .*\n/)]);
});

it('checkpoints of somebody else, and roots of somebody else, are told apart', async () => {
  const other = readFileSync(kept, 'utf8').replace(/"number":\d+/, '"number":99999');
  writeFileSync(join(folder, 'forged.json'), other);
  const { code, verdict } = await verify(copy, '--bundle', roots, '--checkpoints', join(folder, 'forged.json'));
  expect([code, verdict.faults]).toEqual([3, [expect.objectContaining({ kind: 'unvouched' })]]);
  for (const [args, message] of [
    [['--checkpoints', roots], /not a checkpoint/],
    [['--bundle', kept], /no CERTIFICATE|certificate/i],
    [[join(folder, 'nowhere')], /there is no/],
  ] as const) {
    const { code: failed, stderr } = await runCli(['audit', 'verify', copy, ...args]);
    expect([failed, stderr]).toEqual([1, expect.stringMatching(message)]);
  }
});

describe('whoever has the files, and no key of ours', () => {
  const changes: readonly (readonly [
    what: string,
    change: (all: readonly string[]) => readonly string[],
    kind: string,
  ])[] = [
    ['changes who did it', (all) => all.map((line) => line.replace('"operator"', '"somebody"')), 'changed'],
    ['takes a line out', (all) => all.toSpliced(2, 1), 'missing'],
    ['cuts the end off', (all) => all.slice(0, keptNumber() - 1), 'cut'],
    ['leaves nothing', () => [], 'cut'],
  ];
  it.each(changes)('%s: found by the command', async (_, change, kind) => {
    const changed = join(folder, 'changed.jsonl');
    writeFileSync(
      changed,
      change(lines(copy))
        .map((line) => `${line}\n`)
        .join(''),
    );
    const { code, verdict } = await verify(changed, '--bundle', roots, '--checkpoints', kept);
    expect([code, verdict.faults[0].kind]).toEqual([3, kind]);
    const { stdout } = await runCli(['audit', 'verify', changed, '--bundle', roots, '--checkpoints', kept]);
    expect(stdout).toMatch(/^.*changed\.jsonl:\d+: .+\n(.*\n)*BROKEN: /);
  });

  it('cuts the end off of the log itself: found at the next start, in metrics too, and for good', async () => {
    expect(await plane.metrics()).toContain('cellwall_audit_broken 0');
    await plane.restart(() => {
      const all = lines(log);
      renameSync(log, `${log}.before`);
      writeFileSync(
        log,
        all
          .slice(0, -1)
          .map((line) => `${line}\n`)
          .join(''),
        { mode: 0o600 },
      );
    });
    const { intact, what } = await plane.admin.audit();
    expect([intact, what]).toEqual([
      false,
      expect.stringMatching(/^audit\.jsonl:\d+: at a start the log ended with record \d+/),
    ]);
    expect(await plane.metrics()).toContain('cellwall_audit_broken 1');
    const { code, stderr } = await runCli(['audit'], {
      env: { CELLWALL_DATA: join(plane.folder, 'data'), CELLWALL_ADMIN: `127.0.0.1:${plane.adminPort}` },
    });
    expect([code, stderr]).toEqual([3, expect.stringContaining('the chain is broken at line')]);
    figure('changesFound', changes.length + 1);
  });
});

it('has each phase of a rotation of the root, with who began it and why', async () => {
  await plane.admin.rotateRoot({ reason: 'a new one' });
  const first = await eventually('a phase is on record', async () =>
    events().find(({ kind }) => kind === 'root-rotation'),
  );
  expect(first).toMatchObject({ author: 'operator', reason: 'a new one', phase: 'prepare' });
});
