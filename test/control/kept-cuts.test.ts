// What was cut is remembered: a restart cuts nothing, unless rights changed meanwhile; an identity that ended is cut twice.
import { expect, test } from 'vitest';
import { createKeptCuts } from '../../src/control/kept-cuts.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { Json } from '../../src/lib/table.ts';
import { parseSpiffeId } from '../../src/model/spiffe-id.ts';
import type { MeshIr, PortKey } from '../../src/policy/ir.ts';
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts';
import { createMemoryTable } from '../support/memory-table.ts';
import { meshOf, meshText, policyText, serviceText, yaml } from '../support/resolve-text.ts';

const mesh = (...paths: readonly string[]): MeshIr =>
  meshOf(
    yaml(
      meshText(),
      serviceText('api'),
      policyText(
        'allow',
        'api',
        'allow',
        `[{from: [{prefix: "spiffe://td1/edge/"}], to: [${paths.map((path) => `{path: {prefix: ${path}}}`).join(', ')}]}]`,
      ),
    ),
  );

function start(entries: Map<string, Json>, clock: FakeClock) {
  let changes = 0;
  const onChange = (): void => void changes++;
  const kept = createKeptCuts({ table: createMemoryTable(entries), clock, log: silentLog, onChange });
  const shared = (of: MeshIr) =>
    kept
      .apply(of)
      .cuts?.get('api' as PortKey)
      ?.get('mtls');
  return { ...kept, shared, changes: () => changes };
}

const written = () => new Promise(setImmediate);

test('over a restart it stays; what became other rights meanwhile is cut', async () => {
  const entries = new Map<string, Json>();
  const clock = createFakeClock();
  const first = start(entries, clock);
  await first.restore();
  expect(first.shared(mesh('/a', '/b'))).toBe('');
  const cut = first.shared(mesh('/a'));
  expect(cut).not.toBe('');
  expect(first.shared(mesh('/a', '/c'))).toBe(cut);
  await written();
  const second = start(entries, clock);
  await second.restore();
  expect(second.shared(mesh('/a', '/c'))).toBe(cut);
  const third = start(entries, clock);
  await third.restore();
  expect(third.shared(mesh('/c'))).not.toBe(cut);
});

test('an identity that ended: at once, and when its last certificate is over, over a restart as well', async () => {
  const entries = new Map<string, Json>();
  const clock = createFakeClock();
  const id = parseSpiffeId('spiffe://td1/edge/x');
  if (id === undefined) throw new Error('no id');
  const first = start(entries, clock);
  await first.restore();
  first.shared(mesh('/a'));
  first.end({ id, until: clock.now() + 60_000 });
  const cut = first.shared(mesh('/a'));
  expect(cut).not.toBe('');
  expect(first.changes()).toBe(1);
  await written();
  const second = start(entries, clock);
  await second.restore();
  expect(second.shared(mesh('/a'))).toBe(cut);
  clock.advance(59_000);
  expect(second.shared(mesh('/a'))).toBe(cut);
  clock.advance(2500);
  expect(second.changes()).toBe(1);
  expect(second.shared(mesh('/a'))).not.toBe(cut);
  await written();
  expect([...entries.keys()]).toEqual(['api']);
});

test('whatever the table holds', async () => {
  for (const value of [null, 1, 'x', [], { mtls: 1 }, { mtls: ['x'] }, { mtls: [1, 2] }, { toString: ['a', 'b'] }]) {
    const kept = start(
      new Map<string, Json>([
        ['api', value],
        ['ended x', 1],
        ['ended spiffe://td1/a', 'x'],
      ]),
      createFakeClock(),
    );
    await kept.restore();
    expect(kept.shared(mesh('/a'))).toBe('');
  }
});
