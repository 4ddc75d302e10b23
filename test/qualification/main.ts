// `npm run qualify [-- NAME …] [--only ITEM] [--json]`: runs the items, keeps their figures in docs/qualification.json and writes
// docs/qualification.md from them. Exit 1 if one falls short, 2 for a wrong use.
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { catalog } from './catalog.ts';
import type { Item, Outcome, Result } from './item.ts';
import { readResults, writePage, writeResults } from './page.ts';
import { output } from './support/command.ts';

const root = join(import.meta.dirname, '../..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string', multiple: true }, json: { type: 'boolean', default: false } },
});
const names = positionals.length > 0 ? positionals : Object.keys(catalog);
const unknown = names.filter((name) => !Object.hasOwn(catalog, name));
const chosen = names.flatMap((name) =>
  (catalog[name] ?? [])
    .filter((item) => values.only === undefined || values.only.includes(item.name))
    .map((item) => ({ name, item })),
);
if (unknown.length > 0 || chosen.length === 0) {
  process.stderr.write(`qualify: nothing called ${[...unknown, ...(values.only ?? [])].join(', ')}\n`);
  for (const [name, items] of Object.entries(catalog))
    process.stderr.write(`  ${name}: ${items.map((item) => item.name).join(', ')}\n`);
  process.exit(2);
}

// Progress goes where the answer does not.
const say = (text: string): void => void process.stderr.write(`${text}\n`);
const machine = `${cpus().length} × ${cpus()[0]?.model ?? process.arch}, Node ${process.versions.node}`;
const commit = (await output('git', ['rev-parse', '--short=12', 'HEAD'], { cwd: root })).trim();
const results: Result[] = [];
for (const { name, item } of chosen) {
  say(`${name}/${item.name}: ${item.line}`);
  const started = performance.now();
  const { ok, figures } = await runItem(item);
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  const date = new Date().toISOString().slice(0, 10);
  const result = { item: `${name}/${item.name}`, line: item.line, bound: item.bound, ok, figures, seconds };
  results.push({ ...result, date, machine, commit });
  say(`  ${ok ? 'holds' : 'FALLS SHORT'} in ${seconds} s (bound: ${item.bound})`);
  for (const [figure, value] of Object.entries(figures)) say(`    ${figure}: ${value}`);
  writeResults(root, results);
}
writePage(root, readResults(root), catalog);
const ok = results.every((result) => result.ok);
if (values.json) process.stdout.write(`${JSON.stringify({ ok, results })}\n`);
process.exit(ok ? 0 : 1);

async function runItem(item: Item): Promise<Outcome> {
  const work = mkdtempSync(join(tmpdir(), `cellwall-qualify-${item.name}-`));
  const closers: (() => void | Promise<void>)[] = [() => rmSync(work, { recursive: true, force: true })];
  const context = {
    root,
    work,
    progress: (text: string) => say(`  ${text}`),
    defer: (close: () => void | Promise<void>) => void closers.push(close),
  };
  try {
    return await item.run(context);
  } catch (reason) {
    return { ok: false, figures: { error: reason instanceof Error ? reason.message : String(reason) } };
  } finally {
    for (const close of closers.reverse())
      await Promise.resolve(close()).catch((reason) => say(`  closing: ${reason}`));
  }
}
