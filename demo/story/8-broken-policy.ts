// (8) A broken policy is refused with file, line, column and hint, by the command and in the folder alike; the good one stays.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { until, untilTrue } from '../house/until.ts';
import type { World } from '../house/world.ts';
import { describe } from '../wire/outcome.ts';
import { applicationCall } from './application-call.ts';
import { callDirectly } from './direct-call.ts';
import { must, type Step } from './step.ts';
import type { Tell } from './tell.ts';

const typo = 'topology-servise';

export const brokenPolicy: Step = {
  name: 'broken-policy',
  title: '8  a broken policy is refused, the good one stays',
  withinMs: 20_000,
  async run(world, tell) {
    const { admin } = world.controlPlane;
    const text = brokenText(world.clients.stranger.spiffeId);
    const line = text.split('\n').findIndex((item) => item.includes(typo)) + 1;
    const column = (text.split('\n')[line - 1] ?? '').indexOf(typo) + 1;
    const file = join(world.folder, 'broken.yaml');
    writeFileSync(file, text);
    const { revision } = await admin.status();

    const { code, stderr } = await world.cellwall.run('apply', '-f', file);
    must(code === 3, `cellwall apply of a broken policy exited with ${code}: ${stderr}`);
    must(stderr.includes(`broken.yaml:${line}:${column}: error: `), `no file, line and column:\n${stderr}`);
    must(stderr.includes('hint: '), `no hint:\n${stderr}`);
    tell.held('cellwall apply -f broken.yaml', 'exit 3');
    for (const said of stderr.trim().split('\n')) tell.note(`    ${said.replace(`${world.folder}/`, '')}`);
    must((await admin.status()).revision === revision, 'the revision changed');
    await goodOneStays(world);

    if (world.redis !== undefined) {
      await writtenIntoRedis(world, world.redis, text, tell);
      return { line, column, exitCode: code };
    }
    const edited = join(world.documentsFolder, 'broken.yaml');
    writeFileSync(edited, text);
    try {
      const problem = await until(
        async () => (await admin.status()).problems.find((item) => item.severity === 'error'),
        {
          what: 'status tells of the broken file in the folder',
          withinMs: 5000,
        },
      );
      const { source, message, hint } = problem;
      const place = `${source.file.split('/').pop()}:${source.line}:${source.column}`;
      must(place === `broken.yaml:${line}:${column}`, `status points at ${place}: ${message}`);
      must(hint !== undefined, 'status gives no hint');
      tell.held('the same file written into the folder', `status: ${place}: ${message} (${hint})`);
      must((await admin.status()).revision === revision, 'the revision changed');
      await goodOneStays(world);
    } finally {
      rmSync(edited);
    }
    await untilTrue(async () => (await admin.status()).problems.every((item) => item.severity !== 'error'), {
      what: 'status is clean again',
      withinMs: 5000,
    });
    tell.held('the good policy was in force all the time', 'the stranger refused, cell-1 allowed');
    return { line, column, exitCode: code };
  },
};

/** By somebody with a client of Redis, past the control plane. */
async function writtenIntoRedis(world: World, port: number, text: string, tell: Tell): Promise<void> {
  const { admin } = world.controlPlane;
  const { revision } = await admin.status();
  const redis = new Redis({ host: '127.0.0.1', port });
  const key = 'AuthorizationPolicy/broken';
  try {
    await redis.hset('cellwall:documents', key, text);
    const problem = await until(
      async () => (await admin.status()).problems.find(({ source }) => source.file.includes(key)),
      { what: 'status tells of what was written into Redis', withinMs: 10_000 },
    );
    tell.held('the same document written into Redis', `status: ${problem.source.file}: ${problem.message}`);
    must((await admin.status()).revision === revision, 'the revision changed');
    await goodOneStays(world);
  } finally {
    await redis.hdel('cellwall:documents', key);
    redis.disconnect();
  }
  await untilTrue(async () => (await admin.status()).problems.every((item) => item.severity !== 'error'), {
    what: 'status is clean again',
    withinMs: 10_000,
  });
  tell.held('the good policy was in force all the time', 'the stranger refused, cell-1 allowed');
}

async function goodOneStays(world: World): Promise<void> {
  const target = 'topology-service:grpc';
  const stranger = await callDirectly(world, target, world.clients.stranger.material());
  must(stranger.kind === 'refused', `the stranger: ${describe(stranger)}`);
  const cell = await world.standIns.call(applicationCall(target, world.outbound('cell-1/gitlab', target)));
  must(cell.kind === 'ok', `cell-1: ${describe(cell)}`);
}

function brokenText(stranger: string): string {
  return `# Lets a stranger in, were it not for the typo in the target.
apiVersion: cellwall/v1
kind: AuthorizationPolicy
metadata:
  name: let-a-stranger-in
spec:
  target:
    service: ${typo}
  action: allow
  rules:
    - from:
        - spiffeId: ${stranger}
`;
}
