// docker-compose.yml and Dockerfile, as far as they can be checked without an engine: they parse, every path and stage exists, and
// every command line is one that the real parser takes.
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { createProgram } from '../../src/cli/program.ts';
import type { CliRun } from '../../src/cli/run.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { temporaryFolder } from '../../src/lib/temporary-folder.ts';
import { projectRoot, sourceFiles } from '../support/source-files.ts';

const serviceSchema = z.strictObject({
  image: z.string(),
  build: z.strictObject({ context: z.literal('.'), target: z.string() }).optional(),
  restart: z.literal('unless-stopped').optional(),
  command: z.array(z.string()),
  entrypoint: z.array(z.string()).optional(),
  network_mode: z.string().optional(),
  user: z.literal('root').optional(),
  environment: z.record(z.string(), z.string()).optional(),
  volumes: z.array(z.string()).optional(),
  depends_on: z.record(z.string(), z.strictObject({ condition: z.string() })).optional(),
  healthcheck: z.strictObject({ test: z.array(z.string()), interval: z.string(), retries: z.int() }).optional(),
});
const compose = z
  .object({ services: z.record(z.string(), serviceSchema), volumes: z.record(z.string(), z.null()) })
  .parse(parse(readFileSync(join(projectRoot, 'docker-compose.yml'), 'utf8'), { merge: true }));
const services = Object.entries(compose.services);
const planes = ['control-plane', 'control-plane-2'] as const;
const dockerfile = readFileSync(join(projectRoot, 'Dockerfile'), 'utf8');
const stages = [...dockerfile.matchAll(/^FROM \S+ AS (\S+)$/gm)].map(([, name]) => name);

/** Runs a command line with the composition root left out: what it would have started, and its exit code. */
async function commandLine(args: readonly string[], env: Readonly<Record<string, string>>) {
  const started: unknown[] = [];
  const says: string[] = [];
  const record = async (options: unknown): Promise<0> => {
    started.push(options);
    return 0;
  };
  const run: CliRun = {
    serve: record,
    sidecar: record,
    inspect: () => Promise.reject(new Error('not in compose')),
    fetchSvid: () => Promise.reject(new Error('not in compose')),
    exchangeSvid: () => Promise.reject(new Error('not in compose')),
    keepSvid: () => Promise.reject(new Error('not in compose')),
    serveRunner: () => Promise.reject(new Error('not in compose')),
    openJob: () => Promise.reject(new Error('not in compose')),
    closeJob: () => Promise.reject(new Error('not in compose')),
    moveStore: () => Promise.reject(new Error('not in compose')),
    bootstrap: () => Promise.reject(new Error('not in compose')),
  };
  const sink = { write: (text: string) => void says.push(text) };
  const program = createProgram({
    stdout: sink,
    stderr: sink,
    stdin: (async function* () {})(),
    env,
    clock: systemClock,
    version: '0',
    run,
    signals: () => ({ stop: new AbortController().signal, suspends: () => () => {} }),
    useLogFormat() {},
  });
  return { code: await program.run(args), started, says: says.join('') };
}

describe('docker-compose.yml', () => {
  it('depends only on services that it has, and mounts only volumes and paths that there are', () => {
    for (const [name, { depends_on, network_mode, volumes }] of services) {
      for (const other of Object.keys(depends_on ?? {})) expect(compose.services, name).toHaveProperty([other]);
      const shared = /^service:(.+)$/.exec(network_mode ?? '')?.[1];
      if (shared !== undefined) expect(compose.services, name).toHaveProperty([shared]);
      for (const [source = ''] of (volumes ?? []).map((volume) => volume.split(':'))) {
        if (source.startsWith('.')) expect(existsSync(join(projectRoot, source)), source).toBe(true);
        else expect(compose.volumes, name).toHaveProperty([source]);
      }
    }
  });

  it('builds stages that the Dockerfile has', () => {
    for (const [name, { build }] of services) if (build !== undefined) expect(stages, name).toContain(build.target);
  });

  it('serves from two control planes on one Valkey, each with a data folder of its own and flags that exist', async () => {
    const serving = services.filter(([, { command }]) => command[0] === 'serve');
    expect(serving.map(([name]) => name)).toEqual(planes);
    expect(services.filter(([, { image }]) => image.startsWith('valkey/')).map(([name]) => name)).toEqual([
      'redis',
      // That of a cell, which the story calls.
      'cell-1-valkey',
    ]);
    const urls = new Set<unknown>();
    for (const [name, { command, environment = {}, volumes }] of serving) {
      const env = { ...environment, CELLWALL_DATA: '/var/lib/cellwall' };
      const { code, started, says } = await commandLine(command, env);
      expect({ name, code, says }).toEqual({ name, code: 0, says: '' });
      expect(started).toMatchObject([{ store: { kind: 'redis' }, data: '/var/lib/cellwall' }]);
      expect(volumes?.[0]).toBe(`${name}:/var/lib/cellwall`);
      urls.add(environment['CELLWALL_REDIS_URL']);
    }
    expect([...urls]).toEqual([expect.stringMatching(/@redis:6379$/)]);
  });

  it('makes the secret of the deployment once, which both are given and nobody else', async () => {
    const folder = temporaryFolder('compose');
    const { command = [], volumes = [] } = compose.services['bootstrap-secret'] ?? {};
    const [, file = '', made = ''] = /^\[ -e (\S+) \] \|\| cellwall (.+)$/.exec(command.at(-1) ?? '') ?? [];
    const there = join(folder, 'secret');
    expect(await commandLine(made.replace(file, there).split(' '), {})).toMatchObject({ code: 0 });
    expect(statSync(there).mode & 0o777).toBe(0o600);
    rmSync(folder, { recursive: true });
    expect(volumes).toEqual([`bootstrap-secret:${dirname(file)}`]);
    const having = services.filter(([, one]) =>
      (one.volumes ?? []).some((volume) => volume.startsWith('bootstrap-secret:')),
    );
    expect(having.map(([name]) => name).toSorted()).toEqual(['bootstrap-secret', ...planes]);
    for (const name of planes) {
      const { depends_on, environment = {}, volumes: own = [] } = compose.services[name] ?? {};
      const inside = `/run/cellwall-bootstrap/${basename(file)}`;
      expect(environment['CELLWALL_BOOTSTRAP_SECRET']).toBe(inside);
      expect(own).toContain(`bootstrap-secret:${dirname(inside)}:ro`);
      expect(depends_on).toHaveProperty(['bootstrap-secret']);
    }
  });

  it('gives Redis a password that must be chosen, and shows it in no list of processes', () => {
    const { redis } = compose.services;
    const serving = planes.map((name) => compose.services[name]);
    const urls = serving.map((plane) => plane?.environment?.['CELLWALL_REDIS_URL']);
    for (const value of [redis?.environment?.['REDISCLI_AUTH'], ...urls]) {
      expect(value).toMatch(/\$\{CELLWALL_REDIS_PASSWORD:\?.+\}/);
    }
    expect(redis?.command.join(' ')).toContain('requirepass %s');
    const commands = [redis, ...serving].map((service) => service?.command);
    expect(JSON.stringify(commands)).not.toContain('CELLWALL_REDIS_PASSWORD');
  });

  it('gives each service of examples/cells a sidecar in its network, with a token of its own', async () => {
    const documents = sourceFiles(['examples/cells'], ['.yaml']).flatMap(({ text }) => text.split(/^---$/m));
    const known = documents.map((text) => parse(text)).filter(({ kind }) => kind === 'Service');
    const keyOf = ({ metadata: { cell, name } }: (typeof known)[number]): string =>
      cell === undefined ? name : `${cell}/${name}`;
    const wanted = known.map(keyOf);
    const found: unknown[] = [];
    for (const [name, { command, environment, network_mode, volumes }] of services) {
      if (!name.endsWith('-sidecar')) continue;
      expect(network_mode).toBe(`service:${name.replace(/-sidecar$/, '')}`);
      const { code, started, says } = await commandLine(command, environment ?? {});
      expect({ name, code, says }).toEqual({ name, code: 0, says: '' });
      found.push(command[command.indexOf('--service') + 1]);
      const { spec } = known.find((one) => keyOf(one) === found.at(-1)) ?? {};
      const names: readonly string[] = (spec?.ports ?? [{ name: 'default' }]).map((one: { name: string }) => one.name);
      expect(started).toMatchObject([
        {
          ports: names.map((port, index) => ({ name: port, listen: { address: '0.0.0.0', port: 15443 + index } })),
          identityServers: planes.map((host) => ({ host, port: 18_001 })),
        },
      ]);
      // Its own token, and nobody else's.
      const own = String(found.at(-1)).replace('/', '-');
      expect({ name, volumes }).toEqual({ name, volumes: [`token-${own}:/var/lib/cellwall-tokens:ro`] });
      expect(environment?.['CELLWALL_TOKEN_FILE']).toBe('/var/lib/cellwall-tokens/token');
      expect(compose.services['tokens']?.volumes).toContain(`token-${own}:/var/lib/cellwall-tokens/${own}`);
    }
    // Whoever else mounts a token could be that service.
    const others = services.filter(([name]) => !name.endsWith('-sidecar') && name !== 'tokens');
    for (const [name, { volumes = [] }] of others) expect(volumes.join(' '), name).not.toContain('token');
    expect(services.filter(([, { user }]) => user === 'root').map(([name]) => name)).toEqual(['tokens']);
    expect(found.toSorted()).toEqual(wanted.toSorted());
    const script = compose.services['tokens']?.command.at(-1) ?? '';
    const made = /for service in (.+?); do/.exec(script)?.[1]?.split(' ') ?? [];
    expect(made.toSorted()).toEqual(wanted.toSorted());
  });

  it('applies and makes tokens with flags that exist', async () => {
    // Nobody answers on this port: a failure to connect (1) is fine, wrong usage (2) is not.
    const env = { CELLWALL_ADMIN: '127.0.0.1:1', CELLWALL_ADMIN_TOKEN: 'none' };
    const apply = (compose.services['documents']?.command ?? []).map((part) =>
      part === '/documents' ? join(projectRoot, 'examples/cells') : part,
    );
    expect(await commandLine(apply, env)).toMatchObject({ code: 1 });
    const script = compose.services['tokens']?.command.at(-1) ?? '';
    const token = /cellwall (token create .+?) "\$\$service"/.exec(script)?.[1]?.split(' ') ?? [];
    expect(await commandLine([...token, 'gitlab'], env)).toMatchObject({ code: 1 });
  });

  it('starts stand-ins that there are', () => {
    const known = [
      ...readFileSync(join(projectRoot, 'deploy/compose/stand-in.ts'), 'utf8').matchAll(/^ {2}'?([a-z:-]+)'?: start/gm),
    ];
    const names = known.map(([, name]) => name);
    for (const [name, { image, command }] of services) {
      if (!image.startsWith('cellwall-stand-ins')) continue;
      for (let at = 0; at < command.length; at += 2) {
        expect(names, name).toContain(command[at]?.split('/').at(-1));
        expect(Number(command[at + 1])).toBeGreaterThan(0);
      }
    }
  });
});

describe('Dockerfile', () => {
  it('copies only what the context or an earlier stage has', () => {
    for (const [, flags = '', list = ''] of dockerfile.matchAll(/^COPY ((?:--\S+ )*)(.+)$/gm)) {
      const from = /--from=(\S+)/.exec(flags)?.[1];
      if (from !== undefined) expect(stages).toContain(from);
      for (const source of list.split(' ').slice(0, -1)) {
        const path = source.replace(/^\/src\//, '');
        // Made by the build, or in Envoy's own image.
        if (path === 'dist' || path === 'node_modules' || source === '/usr/local/bin/envoy') continue;
        expect(existsSync(join(projectRoot, path)), source).toBe(true);
      }
    }
  });

  it('runs as nobody in particular, never as root', () => {
    const final = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
    expect(final).toMatch(/^USER node$/m);
    expect(stages.at(-1)).toBe('cellwall');
  });
});
