// Around a whole run of vitest: every process that it starts notes its secrets and what it hears (preload.ts), and at the end each secret
// is looked for in all of it. A find fails the run. It is told with the test file and the kinds of output and secret, never with the
// secret.
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { build } from 'rolldown';
import type { TestProject } from 'vitest/node';
import { exceptions, type Suite } from './exceptions.ts';
import { judge, type Verdict } from './judge.ts';
import { canaryHook } from './keep-output.ts';
import { folderVariable } from './keeper.ts';

const suites: ReadonlyMap<string, Suite> = new Map([
  ['vitest.config.ts', 'tests'],
  ['test/system/vitest.config.ts', 'system'],
]);
let begun = false;

export default async function setup(project: TestProject): Promise<(() => void) | undefined> {
  if (process.env['CELLWALL_CANARY'] !== '1') return undefined;
  // What a qualification measures is left alone; a run within a run belongs to that one.
  if (begun || process.env['CELLWALL_QUALIFY'] === '1' || process.env[folderVariable] !== undefined) return undefined;
  begun = true;
  const folder = mkdtempSync(join(tmpdir(), 'cellwall-canary-'));
  chmodSync(folder, 0o700);
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const preload = join(folder, 'preload.cjs');
  await build({
    input: join(import.meta.dirname, 'preload.ts'),
    platform: 'node',
    output: { file: preload, format: 'cjs' },
    logLevel: 'warn',
  });
  process.env[folderVariable] = folder;
  process.env['NODE_OPTIONS'] = `${process.env['NODE_OPTIONS'] ?? ''} --require ${JSON.stringify(preload)}`.trim();
  createRequire(import.meta.url)(preload);
  const stop = keepOwnWords();
  const { vitest } = project;
  const suite = suites.get(relative(vitest.config.root, vitest.vite.config.configFile || '')) ?? 'other';
  const planned = (await vitest.globTestSpecifications()).length;
  return () => {
    stop();
    canaryHook()?.flush();
    const report = process.env['CELLWALL_TEST_REPORT'];
    const started = performance.now();
    const verdict = judge({
      folder,
      exceptions,
      suite,
      more: report !== undefined && existsSync(report) ? [report] : [],
    });
    const modules = vitest.state.getTestModules();
    // An exception is for one test or another: of no use can only be called what a whole run that passed did not need.
    const isWhole =
      vitest.config.testNamePattern === undefined &&
      modules.length === planned &&
      modules.every((module) => module.ok());
    const failed = verdict.found.length > 0 || (isWhole && verdict.unused.length > 0);
    process.stderr.write(words(verdict, isWhole, performance.now() - started));
    if (report !== undefined) {
      writeFileSync(report.replace(/(?:\.json)?$/, '-canary.json'), JSON.stringify({ ...verdict, isWhole, failed }));
    }
    if (failed) process.exitCode = 1;
  };
}

/** What vitest prints: failures with what they compare, and whatever tests write. */
function keepOwnWords(): () => void {
  const ends = [process.stdout, process.stderr].map((stream) => {
    const write = stream.write.bind(stream);
    const keep = (chunk: string | Uint8Array): void =>
      canaryHook()?.keep({ kind: 'report', label: 'vitest' }, Buffer.from(chunk));
    Object.assign(stream, {
      write: (...args: Parameters<typeof write>) => {
        keep(args[0]);
        return write(...args);
      },
    });
    return () => Object.assign(stream, { write });
  });
  return () => {
    for (const end of ends) end();
  };
}

function words({ secrets, outputs, bytes, cut, found, unused }: Verdict, isWhole: boolean, ms: number): string {
  const sums =
    `${secrets} keys and tokens, ${outputs} outputs (${cut} cut), ${Math.round(bytes / 1024 / 1024)} MiB, ` +
    `${(ms / 1000).toFixed(1)} s`;
  const lines = [
    ...found.map((place) => `  found: ${place}`),
    ...(isWhole ? unused.map((reason) => `  of no use any more, in test/support/canary/exceptions.ts: ${reason}`) : []),
  ];
  const head = found.length === 0 ? 'no key and no token in any output' : 'KEYS OR TOKENS IN OUTPUTS';
  return `canary: ${head} (${sums})\n${lines.map((line) => `${line}\n`).join('')}`;
}
