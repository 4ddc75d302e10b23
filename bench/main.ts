// `npm run bench -- [NAME…] [--short] [--rounds R] [--only WORD]… [--NUMBER N]… [--json] [--write]`: each bench alone, or all,
// one after the other. `--short`: as little as still says something. `--write`: their pages in docs/performance/, and docs/performance.md.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench, BenchPage, BenchSetup } from './bench.ts';
import { writeIndex, writePage } from './pages.ts';
import { wholeNumber } from './whole-number.ts';
import { wrong } from './wrong.ts';

const root = join(import.meta.dirname, '..');
const loads: Readonly<Record<string, () => Promise<Bench>>> = {
  xds: async () => (await import('./xds/bench.ts')).xdsBench,
  'growth-proxies': async () => (await import('./growth/bench.ts')).growthByProxies,
  'growth-services': async () => (await import('./growth/bench.ts')).growthByServices,
  edit: async () => (await import('./edit/bench.ts')).editBench,
  joins: async () => (await import('./joins/bench.ts')).joinsBench,
  issuance: async () => (await import('./issuance/bench.ts')).issuanceBench,
  'data-path': async () => (await import('./data-path/bench.ts')).dataPathBench,
};

const named = process.argv.slice(2).filter((word, at, all) => Object.hasOwn(loads, word) && isName(all, at));
const benches = await Promise.all(Object.entries(loads).map(([name, load]) => pick(name, load)));
const wanted = benches.filter((one) => one !== undefined);
const numbers = [...new Set(wanted.flatMap((bench) => Object.keys(bench.numbers)))];
if (process.argv.includes('--help')) help();
const { values, positionals } = parse();
for (const name of positionals)
  if (!Object.hasOwn(loads, name)) wrong(`there is no bench "${name}", only ${Object.keys(loads).join(', ')}`);
const words = wanted.flatMap(({ choices }) => choices.flat());
const only = values.only ?? [];
for (const word of only) if (!words.includes(word)) wrong(`--only takes ${words.join(', ')}, not ${word}`);

const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? process.arch}, Node ${process.versions.node}`;
/** Of the last minute, before anything is measured. */
const [load = 0] = loadavg();
const beside = load < 1 ? '' : `, beside other work (load average ${Math.round(load)})`;
const measured = `at commit ${commit()}, ${new Date().toISOString().slice(0, 10)}, on ${machine}${beside}`;
const pages: Record<string, BenchPage> = {};
for (const bench of wanted) {
  process.stderr.write(`== ${bench.name}: ${bench.about}\n`);
  const page = await run(bench);
  pages[bench.name] = page;
  const inputs = Object.keys(bench.numbers).map((name) => `--${name} ${numberOf(bench, name)}`);
  const command = `npm run bench -- ${[bench.name, ...inputs, ...only.map((word) => `--only ${word}`)].join(' ')}`;
  const text = writePage({
    bench,
    page,
    measured,
    command,
    folder: values.write ? join(root, 'docs/performance') : undefined,
  });
  if (!values.json) process.stdout.write(`${text}\n`);
}
if (values.json) process.stdout.write(`${JSON.stringify({ measured, benches: pages }, null, 2)}\n`);
if (values.write) writeIndex(join(root, 'docs'), benches.length === wanted.length ? wanted : await all());
if (Object.values(pages).some(({ errors }) => errors.length > 0)) process.exitCode = 1;

async function pick(name: string, load: () => Promise<Bench>): Promise<Bench | undefined> {
  return named.length === 0 || named.includes(name) ? await load() : undefined;
}

function all(): Promise<readonly Bench[]> {
  return Promise.all(Object.values(loads).map((load) => load()));
}

/** Not the value of an option. */
function isName(args: readonly string[], at: number): boolean {
  const before = args[at - 1] ?? '';
  return !before.startsWith('--') || ['--short', '--json', '--write'].includes(before);
}

function help(): never {
  const each = wanted.map(({ name, about, numbers: inputs, choices }) => {
    const options = Object.entries(inputs).map(
      ([input, { usual, short }]) => `    --${input} ${usual} (--short: ${short})\n`,
    );
    const only = choices.length === 0 ? '' : `    --only ${choices.flat().join(' | ')}\n`;
    return `\n  ${name}: ${about}\n${options.join('')}${only}`;
  });
  process.stdout.write(
    'npm run bench -- [NAME…] [--short] [--json] [--write] [INPUTS]: the named benches, or all, one after the other\n' +
      'Pages go to stdout, progress to stderr. --write: also to docs/performance/ and docs/performance.md. --json: all samples.\n' +
      each.join(''),
  );
  process.exit(0);
}

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        only: { type: 'string', multiple: true },
        short: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        ...Object.fromEntries(numbers.map((name) => [name, { type: 'string' as const }])),
      },
    });
  } catch (reason) {
    return wrong(reason instanceof Error ? reason.message : String(reason));
  }
}

function numberOf({ numbers }: Bench, name: string): number {
  const given = Object.entries(values).find(([key]) => key === name)?.[1];
  if (typeof given === 'string') return wholeNumber(name, given);
  const number = numbers[name];
  if (number === undefined) throw new Error(`the bench has no number ${name}`);
  return values.short ? number.short : number.usual;
}

async function run(bench: Bench): Promise<BenchPage> {
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-bench-'));
  const setup: BenchSetup = {
    folder,
    number: (name) => numberOf(bench, name),
    wants(word) {
      const list = bench.choices.find((choice) => choice.includes(word)) ?? [];
      return only.includes(word) || !list.some((other) => only.includes(other));
    },
    say: (text) => void process.stderr.write(`${text}\n`),
  };
  try {
    return await bench.run(setup);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function commit(): string {
  const git = (...args: readonly string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  try {
    return (
      git('rev-parse', '--short', 'HEAD') +
      (git('status', '--porcelain', '--', 'src', 'bench') === '' ? '' : ', edited')
    );
  } catch {
    return 'unknown';
  }
}
