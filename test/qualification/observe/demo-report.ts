// The end of the demo, as a stranger sees it: on a fresh clone in an empty HOME it prints the coverage report; with --keep it stays, so
// that one can look, until Ctrl-C. The report verifies when nothing of the demo is left; copies that somebody made better do not.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { eventually } from '../../support/eventually.ts';
import type { Item } from '../item.ts';
import { cleanEnvironment } from '../support/clean-environment.ts';
import { output, run, tail } from '../support/command.ts';

const [storySeconds, endSeconds] = [90, 10];
const storySchema = z.looseObject({
  ok: z.boolean(),
  ms: z.number(),
  coverage: z.looseObject({ calls: z.int(), mtls: z.int(), plaintext: z.int() }),
});

export const demoReport: Item = {
  name: 'demo-report',
  line:
    'The demo on a fresh clone in an empty HOME ends with the coverage report of its calls; with --keep it says where to look, and ' +
    'stays until Ctrl-C; its report verifies when it is gone, and forged copies do not',
  bound: `the story in less than ${storySeconds} s; gone ${endSeconds} s after Ctrl-C, with exit 0 and nothing left`,
  async run({ root, work, progress, defer }) {
    const clone = join(work, 'clone');
    await output('git', ['clone', '--quiet', root, clone], { cwd: work });
    const env = cleanEnvironment({ home: join(work, 'home') });
    await output('node', ['scripts/setup.cjs'], { cwd: clone, env });
    env['PATH'] = `${join(clone, 'node_modules', '.bin')}:${env['PATH'] ?? ''}`;
    const demo = spawn('node', ['demo/main.ts', '--json', '--keep'], {
      ...{ cwd: clone, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env },
    });
    const cellwall = (args: readonly string[], more: NodeJS.ProcessEnv = {}) =>
      run('node', ['bin/cellwall.cjs', ...args], { cwd: clone, env: { ...env, ...more } });
    const said = heard(demo);
    defer(() => void demo.kill('SIGKILL'));
    await eventually(
      'the demo says that it stays',
      () => demo.exitCode !== null || said.stderr().includes('It stays up until Ctrl-C') || undefined,
      400_000,
    );
    if (demo.exitCode !== null) return { ok: false, figures: { error: tail(said.stderr()) } };
    const { ok, ms, coverage } = storySchema.parse(JSON.parse(said.stdout().trim()));
    progress(`the story took ${Math.round(ms / 1000)} s`);
    const text = said.stderr();
    const url = /^ +the page +(http:\S+)$/m.exec(text)?.[1] ?? '';
    const token = /^ +token +(\S+)$/m.exec(text)?.[1] ?? '';
    const page = await (await fetch(url)).text();
    const asked = { CELLWALL_ADMIN: new URL(url).host, CELLWALL_ADMIN_TOKEN: token };
    const [looked, signIn] = [await cellwall(['status'], asked), await cellwall(['page'], asked)];
    const [, html = '', roots = ''] = /verify-report (\S+) --bundle (\S+)/.exec(text) ?? [];
    const [report, kept] = [join(work, 'report.html'), join(work, 'roots.pem')];
    copyFileSync(html, report);
    copyFileSync(roots, kept);
    const refused = text.split('\n').filter((line) => /it is refused \((json|html)\)/.test(line)).length;

    const ended = once(demo, 'exit');
    const began = performance.now();
    demo.kill('SIGINT');
    const [code] = await ended;
    const endMs = Math.round(performance.now() - began);
    const folder = join(html, '..');
    const left = await run('pgrep', ['-f', folder], { cwd: work });
    const verified = await cellwall(['audit', 'verify-report', report, '--bundle', kept]);
    const figures = {
      ...{ storyS: Math.round(ms / 100) / 10, calls: coverage.calls, byMtls: coverage.mtls },
      ...{ inPlaintext: coverage.plaintext, forgeriesRefused: refused, pageThere: page.includes('<script') },
      ...{ tokenTaken: looked.code === 0, signsIn: signIn.stdout.startsWith(`${url}#code=`) },
      ...{ exit: String(code), endMs, verifiesAfterwards: verified.code === 0 },
      nothingLeft: left.code === 1 && !existsSync(folder),
    };
    const holds = ok && ms < storySeconds * 1000 && text.includes('EDGES\n') && refused === 2;
    const shown = figures.pageThere && figures.tokenTaken && figures.signsIn;
    return {
      ok:
        holds && shown && code === 0 && endMs < endSeconds * 1000 && figures.nothingLeft && figures.verifiesAfterwards,
      figures,
    };
  },
};

function heard({ stdout, stderr }: ChildProcess) {
  let [out, err] = ['', ''];
  stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    out += chunk;
  });
  stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    err += chunk;
  });
  return { stdout: () => out, stderr: () => err };
}
