// A change of the protocol of a Service in force costs calls while proxies take it: the dry run, the diff and the apply say so, at the
// document's line. The controls: a new Service, another change of it, and one that nobody changes.
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ApplyAnswer, DiffAnswer } from '../../../src/admin/wire.ts';
import { type AdminHarness, startAdmin } from '../../support/admin-harness.ts';
import { figure } from '../../support/figure.ts';
import { meshText, serviceText, yaml } from '../../support/resolve-text.ts';

let admin: AdminHarness;

beforeEach(async () => {
  admin = await startAdmin();
  const base = yaml(meshText(), serviceText('web'), serviceText('api'), serviceText('c/api', 'grpc'), cell);
  const reply = await admin.call('/v1/apply', { body: { text: base } });
  expect(reply.status, reply.text).toBe(200);
});
afterEach(async () => admin.close());

const cell = 'kind: Cell\nmetadata: {name: c}\nspec: {id: 1}';

async function warned(text: string): Promise<readonly (readonly string[])[]> {
  const files = [{ file: 'change.yaml', text }];
  const diff = (await admin.call('/v1/diff', { body: { files } })).json() as DiffAnswer;
  const dry = (await admin.call('/v1/apply', { body: { files, dryRun: true } })).json() as ApplyAnswer;
  const real = (await admin.call('/v1/apply', { body: { files } })).json() as ApplyAnswer;
  return [diff.problems, dry.warnings, real.warnings].map((problems) =>
    problems.flatMap(({ code, source }) =>
      code === 'protocol-changes' ? [`${source.file}:${source.line}:${source.column}`] : [],
    ),
  );
}

const thrice = (place: string) => [[place], [place], [place]];

it.each([
  ['api', 'http1', 'http2'],
  ['api', 'http1', 'tcp'],
  ['c/api', 'grpc', 'tcp'],
])('%s from %s to %s is warned of, at its line', async (key, _from, to) => {
  const text = yaml(serviceText('new', 'tcp'), serviceText(key, to));
  const spec = `spec: {protocol: ${to}`;
  const line = text.slice(0, text.lastIndexOf(spec)).split('\n').length;
  const places = await warned(text);
  expect(places).toEqual(thrice(`change.yaml:${line}:${spec.indexOf(to) + 1}`));
  figure('saidBy', places.filter(({ length }) => length > 0).length);
});

it('nothing else is', async () => {
  const same = yaml(serviceText('api', 'http1', ', timeouts: {request: 1s}'), serviceText('new', 'grpc'));
  expect(await warned(same)).toEqual([[], [], []]);
});
