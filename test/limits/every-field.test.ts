// Every field of every document, blank, doubled, cut, of another type, huge and odd, through the whole river: text, meaning, limits, gate,
// translation, what proxies are handed. A refusal with its line is fine, an exception is not (Google, 12 June 2025).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { reference } from '../../scripts/reference.ts';
import { keepPermissive } from '../../src/cutover/keep-permissive.ts';
import { CellwallError } from '../../src/lib/errors.ts';
import type { Log } from '../../src/lib/log.ts';
import { beyondLimits } from '../../src/limits/beyond.ts';
import { limitsOf } from '../../src/limits/limits.ts';
import { type DocumentKey, documentKinds } from '../../src/model/documents/document.ts';
import { createRandom } from '../qualification/explain/random.ts';
import { type Pipeline, startPipeline } from '../qualification/performance/support/pipeline.ts';
import { eventually } from '../support/eventually.ts';
import { everyField, type Fields, faults, type Path, pathsIn, type Value, withFault } from '../support/every-field.ts';
import { figure, qualifying } from '../support/figure.ts';
import { heardLog } from '../support/heard-log.ts';
import { judged } from '../support/judged.ts';
import { createTestCa } from '../support/test-ca.ts';

let work: string;
let pipeline: Pipeline;
let documents: readonly Fields[];
let errors: string[];

const textOf = (document: Value): string => `${JSON.stringify(document, undefined, 1)}\n`;
const keyOf = ({ kind, metadata }: Fields): DocumentKey => {
  const { name, cell } = metadata as { readonly name: string; readonly cell?: string };
  return [kind, ...(cell === undefined ? [] : [cell]), name].join('/') as DocumentKey;
};

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'cellwall-fields-'));
  documents = everyField((await createTestCa()).root);
  errors = [];
  const write = (fields: object, message: string): void => void errors.push(`${message} ${JSON.stringify(fields)}`);
  const log: Log = heardLog({ error: write, child: () => log });
  pipeline = await startPipeline(work, { memory: true, log });
  const result = await pipeline.store.apply(
    documents.map((document) => ({ op: 'put', key: keyOf(document), text: textOf(document) })),
    { author: 'test' },
  );
  expect(result).toMatchObject({ kind: 'applied' });
  for (const [index, service] of ['c1/service/api', 'c1/service/web'].entries()) {
    const node = `spiffe://td1/cell/${service}~1` as Parameters<Pipeline['connect']>[0]['node'];
    pipeline.connect({ node, address: `10.1.0.${index + 1}`, port: 1 });
  }
}, 60_000);
afterAll(async () => {
  await pipeline?.stop();
  rmSync(work, { recursive: true, force: true });
});

it('sets every field that the reference lists', () => {
  const missing = Object.keys(documentKinds).flatMap((kind) => {
    const [, section = ''] = reference().split(`\n## ${kind}\n`);
    const named = [...(section.split('\n## ')[0] ?? '').matchAll(/^\| \**`((?:metadata|spec)[^`]*)`/gm)].map(
      ([, name]) => name,
    );
    expect(named.length).toBeGreaterThan(3);
    const set = new Set(documents.filter((one) => one['kind'] === kind).flatMap((one) => pathsIn(one).map(nameOf)));
    return [...new Set(named)].filter((name) => name !== undefined && !set.has(name)).map((name) => `${kind}: ${name}`);
  });
  // No attestor proves values yet that a template could name: every one is refused.
  expect(missing).toEqual(['Workload: spec.identity.template']);
});

it('takes or refuses each with a reason, and breaks at none', async () => {
  const all = documents.flatMap((document) =>
    pathsIn(document).flatMap((path) => Object.keys(faults).map((fault) => ({ document, path, fault }))),
  );
  const seed =
    process.env['CELLWALL_SEED'] === 'random' ? Date.now() % 2 ** 31 : Number(process.env['CELLWALL_SEED'] ?? 7);
  const tried = qualifying ? all : createRandom(seed).some(all, 250);
  const counts = { applied: 0, refused: 0, unchanged: 0 };
  const broken: string[] = [];
  for (const { document, path, fault } of tried) {
    const before = errors.length;
    try {
      counts[await through(document, path, fault)] += 1;
    } catch (reason) {
      const { code, message } = CellwallError.from(reason);
      if (code === 'internal')
        broken.push(`${keyOf(document)} ${path.join('.')} ${fault}: ${message} ${String(reason)}`);
      else counts.refused += 1;
    }
    broken.push(
      ...errors.slice(before).map((text) => `${keyOf(document)} ${path.join('.')} ${fault}: ${text.slice(0, 300)}`),
    );
  }
  expect(broken, `seed ${seed}`).toEqual([]);
  // Both ends are reached: it would show nothing if all were refused, or none.
  expect(counts.applied).toBeGreaterThan(tried.length / 50);
  expect(counts.refused).toBeGreaterThan(tried.length / 5);
  figure('faultsTried', tried.length);
  for (const [name, count] of Object.entries(counts)) figure(name, count);
}, 3_600_000);

async function through(document: Fields, path: Path, fault: string): Promise<'applied' | 'refused' | 'unchanged'> {
  const { store, control } = pipeline;
  const [key, faulty] = [keyOf(document), withFault(document, path, faults[fault] ?? ((value) => value))];
  if (faulty === undefined) return 'unchanged';
  const changes = [{ op: 'put', key, text: textOf(faulty) }] as const;
  const planned = store.plan(changes);
  if (planned.kind === 'next') {
    // What an apply asks before, and what an edited file is asked.
    beyondLimits(planned.base, planned.after, limitsOf());
    keepPermissive(planned.base, planned.after, judged);
    keepPermissive(planned.after, planned.base, judged);
  }
  const result = await store.apply(changes, { author: 'test', urgent: true });
  if (result.kind === 'invalid') {
    expect(result.problems.length).toBeGreaterThan(0);
    for (const { source, message } of result.problems)
      expect([message.length > 0, source.line > 0]).toEqual([true, true]);
    return 'refused';
  }
  if (result.kind === 'unchanged') return 'unchanged';
  await eventually('published', () => control.published() === result.revision || undefined, 60_000);
  const back = await store.apply([{ op: 'put', key, text: textOf(document) }], { author: 'test', urgent: true });
  expect(back.kind).toBe('applied');
  return 'applied';
}

/** As the reference writes it. */
function nameOf(path: Path): string {
  return path
    .map((name) => (typeof name === 'number' ? '[]' : `.${name}`))
    .join('')
    .slice(1);
}
