// A newcomer's five minutes: the packed tarball, an empty folder, two HTTP services of their own, and nothing but the commands and
// the YAML that the README prints.
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';
import type { Context, Item } from '../item.ts';
import { cleanEnvironment } from '../support/clean-environment.ts';
import { type Background, run, start, tail } from '../support/command.ts';
import { pack } from '../support/packed.ts';
import { readmeTutorial } from '../support/readme-tutorial.ts';
import { until } from '../support/until.ts';

const maxCommands = 6;
const maxLines = 20;

export const tutorial: Item = {
  name: 'tutorial',
  line:
    "from the packed tarball and the README's tutorial alone: an allowed mTLS call and a denied one between one's " +
    'own two services',
  bound: `≤ ${maxCommands} commands, ≤ ${maxLines} lines of YAML; 200, then 403`,
  async run(context) {
    const { root, work, progress, defer } = context;
    const { yaml, yamlFile, commands } = readmeTutorial(root);
    const yamlLines = yaml.split('\n').filter((line) => line.trim() !== '').length;
    const folder = join(work, 'newcomer');
    mkdirSync(join(folder, dirname(yamlFile)), { recursive: true });
    copyFileSync(await pack(root, work), join(folder, 'cellwall-0.1.0.tgz'));
    writeFileSync(join(folder, yamlFile), yaml);
    const peers = await ownServices(context);
    // The tutorial asks for Node ≥ 22.18 on the PATH: the one that runs this.
    const env = cleanEnvironment({ home: join(work, 'home'), path: [dirname(process.execPath)] });
    const answers: number[] = [];
    const started = new Map<string, Background>();
    const begun = performance.now();
    for (const command of commands) {
      progress(`$ ${command}`);
      if (command.trimEnd().endsWith('&')) {
        const background = start('bash', ['-c', `exec ${command.replace(/\s*&\s*$/, '')}`], { cwd: folder, env });
        defer(() => background.stop());
        started.set(command, background);
      } else if (command.startsWith('curl')) {
        const wanted = answers.length === 0 ? 200 : 403;
        const alive = (): boolean => [...started.values()].every((background) => background.running());
        answers.push(await statusOf(command, { wanted, alive, cwd: folder, env }));
        progress(`${answers.at(-1)}`);
      } else {
        const ended = await run('bash', ['-c', command], { cwd: folder, env });
        if (ended.code !== 0) return { ok: false, figures: { error: `${command}: ${ended.stderr.trim()}` } };
      }
    }
    const seconds = Math.round((performance.now() - begun) / 100) / 10;
    const [allowed = 0, refused = 0] = answers;
    const caller = peers.at(-1) ?? 'none';
    const ok =
      commands.length <= maxCommands &&
      yamlLines <= maxLines &&
      allowed === 200 &&
      refused === 403 &&
      caller.startsWith('spiffe://');
    if (!ok) for (const [command, background] of started) progress(`${command}\n${tail(background.log(), 5)}`);
    return { ok, figures: { commands: commands.length, yamlLines, allowed, refused, caller, seconds } };
  },
};

/** `api` on 3000 and `web` on 3001, as the tutorial's reader has them. Answers the callers that `api` was told of. */
async function ownServices({ defer }: Context): Promise<readonly string[]> {
  const callers: string[] = [];
  for (const port of [3000, 3001]) {
    const server = createServer((request, response) => {
      if (port === 3000) callers.push(String(request.headers['x-cellwall-peer-id'] ?? 'anonymous'));
      response.end('hello\n');
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
    defer(() => new Promise<void>((resolve) => server.close(() => resolve())));
  }
  return callers;
}

interface StatusOptions {
  readonly wanted: number;
  /** Whether it can still come. */
  readonly alive: () => boolean;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** The status that curl prints; a newcomer waits while the sidecars start (Envoy is fetched once). */
async function statusOf(command: string, { wanted, alive, cwd, env }: StatusOptions): Promise<number> {
  let status = 0;
  const ask = async (): Promise<true | undefined> => {
    const { stdout } = await run('bash', ['-c', command], { cwd, env, timeoutMs: 90_000 });
    // curl prints the answers that it tries again as well.
    status = Number([...stdout.matchAll(/^HTTP\/[\d.]+ (\d+)/gm)].at(-1)?.[1] ?? 0);
    return status === wanted || !alive() ? true : undefined;
  };
  await until(`${command} answers ${wanted}`, 120_000, ask, 250).catch(() => undefined);
  return status;
}
