// The pages that benches write: each says what it is about, what was measured where, and with what inputs.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, BenchPage } from './bench.ts';

export interface Written {
  readonly bench: Pick<Bench, 'name' | 'about'>;
  readonly page: BenchPage;
  /** Commit, date and machine. */
  readonly measured: string;
  /** That repeats it. */
  readonly command: string;
  /** Absent: nothing is written. */
  readonly folder: string | undefined;
}

/** The page, which is also written to `folder`, with its charts. */
export function writePage({ bench: { name, about }, page, measured, command, folder }: Written): string {
  const text = [
    `# Performance: ${name}`,
    '',
    `${about}.`,
    '',
    `Measured ${measured}, by \`${command}\`.`,
    '',
    ...(page.errors.length === 0
      ? []
      : ['**Errors, so that the figures say nothing:**', '', ...page.errors.map((error) => `- ${error}`), '']),
    ...Object.keys(page.charts).flatMap((chart) => [`![${chart.replace('.svg', '')}](${chart})`, '']),
    ...page.lines,
  ].join('\n');
  const ended = `${text.trimEnd()}\n`;
  if (folder !== undefined) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${name}.md`), ended);
    for (const [chart, svg] of Object.entries(page.charts)) writeFileSync(join(folder, chart), svg);
  }
  return ended;
}

/** docs/performance.md: which pages there are, and when each was measured. */
export function writeIndex(docs: string, benches: readonly Pick<Bench, 'name' | 'about'>[]): void {
  const rows = benches.map(({ name, about }) => {
    const file = join(docs, 'performance', `${name}.md`);
    if (!existsSync(file)) return `| ${name} | ${about} | not yet |`;
    const [, measured = ''] = /^Measured (.*), by `/m.exec(readFileSync(file, 'utf8')) ?? [];
    return `| [${name}](performance/${name}.md) | ${about} | ${measured} |`;
  });
  const text = [
    '# Performance',
    '',
    'Written by `npm run bench -- --write`, which runs every bench; with a name it runs one of them, with `--short` briefly. ' +
      'Go programs are the peer and the load ' +
      '(`bench/peer`, `bench/load`). Contestants take turns on the',
    'same cores, which they share with the load: ratios within a page mean more than milliseconds. A figure is a median, with the ' +
      'least and the most of its samples.',
    '',
    '| page | what | measured |',
    '|---|---|---|',
    ...rows,
    '',
    'Ways to a faster cold start and less memory that were measured, whether they won or not: [what was tried](performance/tried.md).',
    '',
  ];
  writeFileSync(join(docs, 'performance.md'), text.join('\n'));
}
