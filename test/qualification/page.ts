// docs/qualification.json keeps the newest figures of every item; docs/qualification.md shows them to people.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Item, Result } from './item.ts';

const dataFile = (root: string): string => join(root, 'docs/qualification.json');

export function readResults(root: string): readonly Result[] {
  return existsSync(dataFile(root)) ? JSON.parse(readFileSync(dataFile(root), 'utf8')) : [];
}

/** Puts `fresh` in place of older results of the same items. */
export function writeResults(root: string, fresh: readonly Result[]): void {
  const replaced = new Set(fresh.map(({ item }) => item));
  const kept = readResults(root).filter(({ item }) => !replaced.has(item));
  const all = [...kept, ...fresh].sort((a, b) => (a.item < b.item ? -1 : 1));
  writeFileSync(dataFile(root), `${JSON.stringify(all, null, 2)}\n`);
}

export function writePage(
  root: string,
  results: readonly Result[],
  catalog: Readonly<Record<string, readonly Item[]>>,
): void {
  writeFileSync(join(root, 'docs/qualification.md'), renderPage(results, catalog));
}

function renderPage(results: readonly Result[], catalog: Readonly<Record<string, readonly Item[]>>): string {
  const byItem = new Map(results.map((result) => [result.item, result]));
  const sections = Object.entries(catalog).map(([name, items]) => {
    const rows = items.map((item) => row(name, item, byItem.get(`${name}/${item.name}`)));
    return [
      `## ${name}`,
      '',
      `All of it: \`npm run qualify -- ${name}\``,
      '',
      '| what | measured | bound | verdict | repeat | when, where |',
      '|---|---|---|---|---|---|',
      ...rows,
      '',
    ].join('\n');
  });
  return [
    '# What every release must show',
    '',
    'Written by `npm run qualify` from what it measured (`docs/qualification.json`). An item that was not run has no verdict.',
    '',
    ...sections,
  ].join('\n');
}

/** Of an error its first line that says something: stacks and the logs behind it stay in the data. */
function shown(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  if (lines.length === 1) return text;
  return lines.find((line) => line !== '' && !/^(at |--- |the logs stay )/.test(line)) ?? 'see qualification.json';
}

function row(name: string, item: Item, result: Result | undefined): string {
  const figures = Object.entries(result?.figures ?? {}).map(([figure, value]) => `${figure} ${shown(String(value))}`);
  const cells = [
    item.line,
    figures.length > 0 ? figures.join('<br>') : '–',
    item.bound,
    result === undefined ? 'not run' : result.ok ? 'holds' : '**falls short**',
    `\`npm run qualify -- ${name} --only ${item.name}\``,
    result === undefined ? '–' : `${result.date}, ${result.commit}, ${result.seconds} s<br>${result.machine}`,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}
