// A copy of the audit log is verified without any of our keys: whatever single thing is done to it is found, with its file and line; and
// with the roots of the CA and a checkpoint that was kept elsewhere, so is a log that somebody wrote anew, or whose end is gone.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openAuditLog } from '../../src/audit/audit-log.ts';
import { type Checkpoint, checkpointText, type SignedCheckpoint } from '../../src/audit/checkpoint-text.ts';
import {
  readKept,
  type TrailVerdict,
  trailFiles,
  type VerifyTrailOptions,
  verifyTrail,
} from '../../src/audit/verify-trail.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Redacted } from '../../src/lib/redacted.ts';
import { type ControlPlaneSigner, controlPlaneSigner, whyUnvouched } from '../support/control-plane-signer.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { figure, qualifying } from '../support/figure.ts';
import { createMemoryTable } from '../support/memory-table.ts';

const key = new Redacted('seal');
const clock = createFakeClock(Date.now());
let data: string;
let copy: string;
let ca: ControlPlaneSigner;
let files: readonly { readonly name: string; readonly bytes: Buffer }[];
let kept: readonly SignedCheckpoint[];

beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'cellwall-trail-'));
  copy = mkdtempSync(join(tmpdir(), 'cellwall-trail-copy-'));
  ca = await controlPlaneSigner('td1');
  const file = join(data, 'audit.jsonl');
  const log = await openAuditLog({
    file,
    clock,
    log: silentLog,
    key,
    table: createMemoryTable(),
    id: 'log-1',
    fileBytes: 3000,
  });
  log.signWith(ca);
  for (let at = 0; at < 30; at += 1) {
    await log.append({
      kind: 'token-created',
      author: `Jürgen \u2028 "${at}"`,
      spiffeId: `spiffe://td1/service/${at}`,
    });
    if (at % 10 === 9) clock.advance(60_000);
    await log.flushed();
  }
  await log.close();
  kept = await log.checkpoints();
  files = trailFiles(data).map((path) => ({ name: basename(path), bytes: readFileSync(path) }));
});
afterAll(() => {
  for (const folder of [data, copy]) rmSync(folder, { recursive: true, force: true });
});

const against = (checkpoint: SignedCheckpoint): string | undefined => whyUnvouched(checkpoint, ca.bundle);
const elsewhere = () => kept.map((one) => ({ ...one, file: 'kept.json', line: 1 }));

function verified(contents: readonly Buffer[], more: Partial<VerifyTrailOptions> = {}): Promise<TrailVerdict> {
  const paths = contents.map((bytes, index) => {
    const path = join(copy, files[index]?.name ?? 'audit.jsonl');
    writeFileSync(path, bytes);
    return path;
  });
  return verifyTrail({ files: paths, ...more });
}
const originals = (): readonly Buffer[] => files.map(({ bytes }) => bytes);
const lines = (): readonly string[] => originals().flatMap((bytes) => bytes.toString('utf8').trimEnd().split('\n'));
const joined = (all: readonly string[]): readonly Buffer[] => [Buffer.from(all.map((line) => `${line}\n`).join(''))];

/** Every hash anew, as whoever rewrites it without a key would make them. */
function rehashed(all: readonly string[]): readonly string[] {
  let previous = '0'.repeat(64);
  return all.map((line, index) => {
    const { time, event, seal } = JSON.parse(line);
    const text = JSON.stringify([index + 1, time, event]);
    previous = createHash('sha256').update(previous).update(text).update(seal).digest('hex');
    return JSON.stringify({ v: 2, number: index + 1, time, event, seal, hash: previous });
  });
}

it('finds nothing where nothing was done (the control): with every key, and with none', async () => {
  const bare = await verified(originals());
  expect(bare).toMatchObject({ intact: true, faults: [], compared: 0, log: 'log-1', first: { number: 1 } });
  expect(files.length).toBeGreaterThan(2);
  expect(bare.checkpoints).toBeGreaterThan(2);
  expect(bare.records).toBe(lines().length);
  const all = await verified(originals(), { key, against, kept: elsewhere() });
  expect(all).toMatchObject({ intact: true, compared: 1, vouched: bare.records - 1, unknownKinds: [] });
});

it('finds any changed byte, at its line', async () => {
  let changes = 0;
  const change = async (index: number, at: number, by: number): Promise<void> => {
    const bytes = Buffer.from(files[index]?.bytes ?? '');
    const line = bytes.subarray(0, at).toString('latin1').split('\n').length;
    bytes[at] = (bytes[at] ?? 0) ^ by;
    const name = files[index]?.name ?? '';
    writeFileSync(join(copy, name), bytes);
    // The others are read where they are.
    const paths = files.map((one, at) => join(at === index ? copy : data, one.name));
    const { intact, faults } = await verifyTrail({ files: paths });
    expect([intact, basename(faults[0]?.file ?? ''), faults[0]?.line]).toEqual([false, name, line]);
    changes += 1;
  };
  const place = fc.nat({ max: files.length - 1 }).chain((index) => {
    const last = (files[index]?.bytes.length ?? 1) - 1;
    return fc.tuple(fc.constant(index), fc.nat({ max: last }), fc.integer({ min: 1, max: 255 }));
  });
  await fc.assert(
    fc.asyncProperty(place, ([index, at, by]) => change(index, at, by)),
    { numRuns: qualifying ? 2000 : 60 },
  );
  // Each byte of a line, and the end of it.
  const [whole] = files;
  const end = (whole?.bytes.indexOf(0x0a) ?? 0) + 1;
  for (let at = 0; at < (qualifying ? (whole?.bytes.length ?? 0) : end); at += qualifying ? 1 : 7)
    await change(0, at, 1);
  figure('changedBytes', changes);
  figure('changedBytesFound', changes);
}, 600_000);

it('finds lines that are missing, repeated, moved or put in', async () => {
  const all = lines();
  const some = fc.tuple(fc.nat({ max: all.length - 2 }), fc.integer({ min: 1, max: 5 }));
  let changes = 0;
  await fc.assert(
    fc.asyncProperty(
      some,
      fc.constantFrom('missing', 'repeated', 'moved', 'put in', 'empty'),
      async ([at, count], what) => {
        const taken = all.slice(at, Math.min(at + count, all.length - 1));
        const rest = all.slice(at + taken.length);
        const before = all.slice(0, at);
        const foreign = taken.map((line) => line.replace('td1', 'td2'));
        const changed = {
          missing: [...before, ...rest],
          repeated: [...before, ...taken, ...taken, ...rest],
          moved: [...before, ...rest, ...taken],
          'put in': [...before, ...foreign, ...taken, ...rest],
          empty: [...before, '', ...taken, ...rest],
        }[what];
        const { intact, faults } = await verified(joined(changed));
        expect(intact).toBe(false);
        expect(faults[0]?.line).toBeLessThanOrEqual(at + taken.length + 1);
        changes += 1;
      },
    ),
    { numRuns: qualifying ? 1000 : 40 },
  );
  figure('changedLinesFound', changes);
}, 240_000);

it('finds an end that is cut off, by a checkpoint that was kept elsewhere; without one it says that it cannot know', async () => {
  const all = lines();
  for (let left = 0; left < all.length; left += 1) {
    const cut = joined(all.slice(0, left));
    const { faults } = await verified(cut, { kept: elsewhere() });
    expect(faults.map(({ kind }) => kind)).toEqual(['cut']);
    expect(faults[0]?.what).toContain(`knows record ${all.length}`);
    expect(await verified(cut)).toMatchObject({ intact: true, compared: 0 });
  }
  // Within a line it is seen at once.
  const text = `${all.join('\n')}\n`;
  for (const bytes of [1, 2, 100]) {
    const { faults } = await verified([Buffer.from(text.slice(0, -bytes))]);
    expect(faults.map(({ kind }) => kind)).toEqual(['cut']);
  }
  figure('cutTailsFound', all.length);
});

it('finds a log that was written anew with every hash right: by the seal, a signature, or a checkpoint kept elsewhere', async () => {
  const other = lines().map((line) => line.replace('service/3"', 'service/evil"'));
  const anew = joined(rehashed(other));
  const kinds = async (more: Partial<VerifyTrailOptions>, contents = anew) => {
    return [...new Set((await verified(contents, more)).faults.map(({ kind }) => kind))];
  };
  // Its checkpoints are those of the true one.
  expect(await kinds({})).toEqual(['unvouched']);
  expect(await kinds({ key })).toContain('forged');
  const without = joined(rehashed(other.filter((line) => !line.includes('"checkpoint"'))));
  expect(await kinds({}, without)).toEqual([]);
  expect(await verified(without, { against })).toMatchObject({
    ...{ checkpoints: 0, vouched: 0 },
    unseen: ['no checkpoint covers what follows record 0: whether it was written by a control plane'],
  });
  expect(await kinds({ key }, without)).toEqual(['forged']);
  expect(await kinds({ kept: elsewhere() }, without)).toEqual(['cut']);
  const longer = [...rehashed([...other.filter((line) => !line.includes('"checkpoint"')), ...lines().slice(0, 9)])];
  expect(await kinds({ kept: elsewhere() }, joined(longer))).toContain('begun-anew');

  // Signed anew, by a key that another CA certified.
  const signer = await controlPlaneSigner('td1');
  const sealOf = (checkpoint: Checkpoint) => {
    const { protected: header, signature } = signer.sign(checkpointText(checkpoint));
    return { protected: header, signature };
  };
  let previous = { number: 0, hash: '0'.repeat(64) };
  const signed: string[] = [];
  for (const line of other) {
    const { time, event, seal } = JSON.parse(line);
    const checkpoint = { log: 'log-1', ...previous, at: time };
    const its = event.kind !== 'checkpoint' ? event : { kind: 'checkpoint', ...checkpoint, ...sealOf(checkpoint) };
    const number = previous.number + 1;
    const text = JSON.stringify([number, time, its]);
    const hash = createHash('sha256').update(previous.hash).update(text).update(seal).digest('hex');
    signed.push(JSON.stringify({ v: 2, number, time, event: its, seal, hash }));
    previous = { number, hash };
  }
  expect(await kinds({}, joined(signed))).toEqual([]);
  expect(await kinds({ against }, joined(signed))).toEqual(['unvouched']);
  expect(await kinds({ kept: elsewhere() }, joined(signed))).toEqual(['begun-anew']);
});

it('takes no checkpoint from elsewhere that nobody vouches for, and none of another log', async () => {
  const forged = elsewhere().map((one) => ({ ...one, number: 1000 }));
  const { faults } = await verified(originals(), { against, kept: forged });
  expect(faults).toMatchObject([{ kind: 'unvouched', file: 'kept.json', line: 1 }]);
  const others = elsewhere().map((one) => ({ ...one, log: 'log-2', number: 1000 }));
  const noneOfThis = ['none of the checkpoints that were kept elsewhere is of this log: whether its end is there'];
  expect(await verified(originals(), { kept: others })).toMatchObject({ compared: 0, unseen: noneOfThis });
  // Nothing is left of it, or nothing that says which log it is: of two replicas' checkpoints it is anybody's.
  for (const rest of [[], lines().slice(0, 3)]) {
    expect(await verified(joined(rest), { kept: [...elsewhere(), ...others] })).toMatchObject({ unseen: noneOfThis });
  }
  expect(await verified(originals(), { kept: [] })).toMatchObject({ unseen: noneOfThis });
});

it('says that it cannot know whose the records are that no checkpoint covers, where there should be one', async () => {
  const whole = await verified(originals(), { against, kept: elsewhere() });
  expect(whole.unseen).toEqual([]);
  // Up to its first checkpoint it is the true one; then somebody goes on without a key for hours.
  const all = lines();
  const first = all.findIndex((line) => line.includes('"checkpoint"'));
  const later = (minutes: number) => {
    const more = all.slice(0, 8).map((line, at) => {
      const time = new Date(clock.now() + (minutes * 60_000 * (at + 1)) / 8).toISOString();
      return JSON.stringify({ ...JSON.parse(line), time });
    });
    return joined(rehashed([...all.slice(0, first + 1), ...more]));
  };
  const begun = all.slice(0, first + 1);
  expect((await verified(joined(begun), { against })).unseen).toEqual([]);
  expect((await verified(later(5), { against })).unseen).toEqual([]);
  const { unseen, faults, vouched } = await verified(later(180), { against });
  expect([unseen, faults]).toEqual([
    [`no checkpoint covers what follows record ${vouched}: whether it was written by a control plane`],
    [],
  ]);
  // Without the roots nobody asked.
  expect((await verified(later(180))).unseen).toEqual([]);
});

it('reads what an earlier version wrote, and after that nothing of its form; kinds of a later one are named', async () => {
  const old = (number: number, previous: string): string => {
    const body = {
      number,
      time: '2026-01-01T00:00:00.000Z',
      event: { kind: 'admin-token-revoked', author: 'a', name: 'b' },
    };
    const text = JSON.stringify([body.number, body.time, body.event]);
    const hash = createHash('sha256').update(previous).update(text).digest('hex');
    return JSON.stringify({ ...body, hash, seal: 's' });
  };
  const first = old(1, '0'.repeat(64));
  const { hash } = JSON.parse(first);
  const event = { kind: 'of-a-later-version' };
  const later = createHash('sha256')
    .update(hash)
    .update(JSON.stringify([2, 't', event]))
    .update('s')
    .digest('hex');
  const second = JSON.stringify({ v: 2, number: 2, time: 't', event, seal: 's', hash: later });
  expect(await verified(joined([first, second]))).toMatchObject({ intact: true, unknownKinds: ['of-a-later-version'] });
  const { faults } = await verified(joined([first, second, old(3, later)]));
  expect(faults).toMatchObject([{ kind: 'changed', line: 3 }]);
  // Nothing that no hash covers may stand in a line.
  const more = JSON.stringify({ ...JSON.parse(second), note: 'x' });
  expect((await verified(joined([first, more]))).faults).toMatchObject([{ kind: 'unreadable', line: 2 }]);
});

it('reads checkpoints as one array or one a line, and nothing else', () => {
  const text = JSON.stringify(kept);
  expect(readKept(text, 'kept.json')).toMatchObject([{ log: 'log-1', file: 'kept.json', line: 1 }]);
  const two = kept.map((one) => `${JSON.stringify(one)}\n`).join('\n');
  expect(readKept(two, 'kept.jsonl')).toHaveLength(kept.length);
  for (const junk of ['x', '{}', '[1]', `${text}x`])
    expect(() => readKept(junk, 'kept.json')).toThrow(/kept.json:1: not a checkpoint/);
});
