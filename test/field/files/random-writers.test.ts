// Whatever way the files are written: at no moment does the store let a call through that both the old and the new files refuse. Judged
// by policy's own `decide`, over random policies and random writers. The control reads the directory as it stands, again and again.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { parseDocuments } from '../../../src/model/parse.ts';
import type { ParsedDocument } from '../../../src/model/parsed-document.ts';
import type { SpiffeId } from '../../../src/model/spiffe-id.ts';
import { decide } from '../../../src/policy/decide/decide.ts';
import type { AccessRequest, Caller } from '../../../src/policy/decide/request.ts';
import type { ServiceKey } from '../../../src/policy/ir.ts';
import { check } from '../../../src/policy/resolve/check.ts';
import { resolve } from '../../../src/policy/resolve/resolve.ts';
import { createDirectoryStore } from '../../../src/store/directory.ts';
import { eventually } from '../../support/eventually.ts';
import { figure, qualifying } from '../../support/figure.ts';
import { serviceText, yaml } from '../../support/resolve-text.ts';
import '../../support/seed.ts';
import { copyOver, fileWriterNames, fileWriters, replaceFolder, swapConfigMap, swapLink } from './writers.ts';

const settleMs = 700;
/** What a writer may pause: less than the settle time of a new permission. */
const maxPauseMs = 200;
const atATime = 8;
const rounds = qualifying ? 20 : 3;

const base = yaml(
  'kind: Mesh\nmetadata: {name: mesh}\nspec: {trustDomain: td1, mtls: {mode: strict}}',
  serviceText('api'),
  serviceText('pub', 'http1', ', mtls: {mode: permissive}'),
  serviceText('web'),
  serviceText('jobs'),
);

const source = fc.constantFrom('service: web', 'service: jobs', 'authenticated: true', 'everyone: true');
const operation = fc.constantFrom(
  '',
  '\n      to: [{path: {exact: /a}}]',
  '\n      to: [{path: {prefix: /b}}]',
  '\n      to: [{methods: [GET]}]',
  '\n      to: [{methods: [POST], path: {prefix: /a}}]',
);
const rule = fc.tuple(source, operation).map(([from, to]) => `\n    - from: [{${from}}]${to}`);
const policy = fc.record({
  target: fc.constantFrom('api', 'pub'),
  action: fc.constantFrom('allow', 'deny'),
  rules: fc.array(rule, { minLength: 1, maxLength: 3 }),
});
/** Each policy has a place, or none. */
const state = fc.array(fc.option(fc.record({ policy, file: fc.constantFrom('a.yaml', 'b.yaml', 'c.yaml') })), {
  minLength: 5,
  maxLength: 5,
});
const step = fc.record({
  writer: fc.constantFrom(...fileWriterNames),
  at: fc.integer({ min: 5, max: 95 }).map((percent) => percent / 100),
  pauseMs: fc.integer({ min: 0, max: maxPauseMs }),
});
const layout = fc.constantFrom('files', 'files', 'files', 'configMap', 'link', 'folder', 'copy');
const scenario = fc.record({
  old: state,
  next: state,
  same: fc.boolean(),
  steps: fc.array(step, { minLength: 3, maxLength: 3 }),
  layout,
});
type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;
type State = Scenario['old'];

function filesOf(state: State, revision: number): ReadonlyMap<string, string> {
  const files = new Map([['base.yaml', base]]);
  for (const name of ['a.yaml', 'b.yaml', 'c.yaml']) {
    const texts = state.flatMap((placed, index) => {
      if (placed?.file !== name) return [];
      const { target, action, rules } = placed.policy;
      // In block style, as people write it: it can be cut at any line, and still be YAML.
      const spec = `  target: {service: ${target}}\n  action: ${action}\n  rules:${rules.join('')}\n`;
      return [`apiVersion: cellwall/v1\nkind: AuthorizationPolicy\nmetadata: {name: p${index}}\nspec:\n${spec}`];
    });
    if (texts.length > 0) files.set(name, `# revision ${revision}\n${texts.join('---\n')}# end of ${revision}\n`);
  }
  return files;
}

const callers: readonly Caller[] = [
  { kind: 'id', id: 'spiffe://td1/service/web' as SpiffeId },
  { kind: 'id', id: 'spiffe://td1/service/jobs' as SpiffeId },
  { kind: 'anonymous', via: 'plaintext' },
];
const requests: readonly AccessRequest[] = callers.flatMap((caller) =>
  (['api', 'pub'] as ServiceKey[]).flatMap((target) =>
    ['GET', 'POST'].flatMap((method) =>
      ['/a', '/a/x', '/b', '/c'].map((path): AccessRequest => ({ caller, target, method, path })),
    ),
  ),
);

/** Which calls pass; undefined where nothing could be made of the documents. */
function passing(documents: readonly ParsedDocument[]): ReadonlySet<number> | undefined {
  const resolved = resolve(documents);
  if (resolved.kind !== 'resolved') return undefined;
  return new Set(
    requests.flatMap((request, index) => (decide(resolved.mesh, request).outcome === 'allowed' ? [index] : [])),
  );
}

/** As the directory stands at this moment, file by file. */
function readNow(folder: string): ReadonlySet<number> | undefined {
  try {
    const documents = readdirSync(folder)
      .filter((name) => /^[^.].*\.yaml$/.test(name))
      .flatMap((name) => {
        const parsed = parseDocuments(readFileSync(join(folder, name), 'utf8'), name);
        if (parsed.kind === 'invalid') throw new Error('not now');
        return parsed.documents;
      });
    return new Set(documents.map(({ key }) => key)).size === documents.length ? passing(documents) : undefined;
  } catch {
    return undefined;
  }
}

async function play({ old, next, same, steps, layout }: Scenario) {
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-writers-'));
  const documents = join(folder, 'documents');
  const before = filesOf(old, 1);
  const after = same ? before : filesOf(next, 2);
  if (layout === 'link') await swapLink(documents, before, 1);
  else mkdirSync(documents);
  if (layout === 'configMap') await swapConfigMap(documents, before, 1);
  if (layout !== 'link' && layout !== 'configMap')
    for (const [name, text] of before) writeFileSync(join(documents, name), text);
  const options = { documents, state: join(folder, 'state'), check, log: silentLog, clock: systemClock };
  const store = await createDirectoryStore({ ...options, settleMs, pollMs: 1000 });
  try {
    const mayPass = new Set(passing(store.state()?.documents ?? []) ?? []);
    const wanted = [...after.values()].flatMap((text) => {
      const parsed = parseDocuments(text, 'wanted');
      return parsed.kind === 'parsed' ? parsed.documents : [];
    });
    for (const index of passing(wanted) ?? []) mayPass.add(index);
    const wrong = (now: ReadonlySet<number> | undefined): number =>
      [...(now ?? [])].filter((index) => !mayPass.has(index)).length;
    let states = 0;
    let letThrough = 0;
    let control = 0;
    store.watch((event) => {
      if (event.kind !== 'state') return;
      states += 1;
      letThrough += wrong(passing(event.state.documents));
    });
    let writing = true;
    const watching = (async () => {
      while (writing) {
        control += wrong(readNow(documents)) > 0 ? 1 : 0;
        await delay(10);
      }
    })();
    const [first] = steps;
    const pauseMs = first?.pauseMs ?? 0;
    if (layout === 'configMap') await swapConfigMap(documents, after, 2);
    else if (layout === 'link') await swapLink(documents, after, 2);
    else if (layout === 'folder') await replaceFolder(documents, after, pauseMs);
    else if (layout === 'copy') await copyOver(documents, after, pauseMs / 4);
    else {
      for (const [index, name] of ['a.yaml', 'b.yaml', 'c.yaml'].entries()) {
        const { writer, at, pauseMs } = steps[index] ?? { writer: 'rename', at: 0, pauseMs: 0 };
        const text = after.get(name);
        if (text === undefined) rmSync(join(documents, name), { force: true });
        else await fileWriters[writer](join(documents, name), text, at, pauseMs);
      }
    }
    writing = false;
    await watching;
    const texts = (list: readonly ParsedDocument[]) => list.map(({ key, text }) => `${key} ${text.trim()}`).sort();
    const goal = JSON.stringify(texts(wanted));
    await eventually(
      `what was written is in force (${JSON.stringify(store.problems())})`,
      () => JSON.stringify(texts(store.state()?.documents ?? [])) === goal || undefined,
      15_000,
    );
    return { states, letThrough, control };
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

test('no writer lets a call through that both the old and the new files refuse', async () => {
  let runs = 0;
  let states = 0;
  let control = 0;
  // Several at once: they mostly wait.
  await fc.assert(
    fc.asyncProperty(fc.array(scenario, { minLength: atATime, maxLength: atATime }), async (scenarios) => {
      for (const played of await Promise.all(scenarios.map(play))) {
        runs += 1;
        states += played.states;
        control += played.control;
        expect(played.letThrough).toBe(0);
      }
    }),
    { numRuns: rounds, endOnFailure: true },
  );
  figure('randomWriterRuns', runs);
  figure('randomWriterStates', states);
  figure('wronglyOpenMomentsOfANaiveReader', control);
  expect(control).toBeGreaterThan(0);
}, 600_000);
