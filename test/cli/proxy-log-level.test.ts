// `cellwall proxy log-level`: what is asked of the admin API, for each form of the command.
import { expect, it } from 'vitest';
import type { AdminDeps } from '../../src/admin/deps.ts';
import { adminToken, startAdmin } from '../support/admin-harness.ts';
import { type CliResult, runCli } from '../support/cli-harness.ts';

type Wanted = Parameters<NonNullable<AdminDeps['logLevels']>>[0];

async function asking(...args: readonly string[]): Promise<CliResult & { readonly asked: readonly Wanted[] }> {
  const asked: Wanted[] = [];
  const admin = await startAdmin({
    sentTo: (node) => ({ node, revision: 1, resources: [] }),
    logLevels: async (wanted) => {
      asked.push(wanted);
      return 3;
    },
  });
  try {
    const env = { CELLWALL_ADMIN: `127.0.0.1:${admin.address.port}`, CELLWALL_ADMIN_TOKEN: adminToken };
    const result = await runCli(['proxy', 'log-level', 'td1/service/api~a', ...args], { env, clock: admin.clock });
    return { ...result, asked };
  } finally {
    await admin.close();
  }
}

const node = 'spiffe://td1/service/api~a';

it.each([
  [['debug', '--for', '5m'], { '*': 'debug' }, 300_000, '3 loggers changed; they go back in 5m'],
  [['rbac=trace', 'http=debug'], { rbac: 'trace', http: 'debug' }, 600_000, '3 loggers changed; they go back in 10m'],
  [['--reset'], {}, 600_000, '3 loggers are as before'],
])('%j sets %j', async (args, levels, forMs, told) => {
  const { code, stdout, stderr, asked } = await asking(...args);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `td1/service/api~a: ${told}\n`, stderr: '' });
  expect(asked).toEqual([{ node, levels, forMs }]);
});

it.each([[[]], [['debug', '--reset']]])('%j asks for nothing: exit 2', async (args) => {
  const { code, stdout, stderr, asked } = await asking(...args);
  expect({ code, stdout, asked }).toEqual({ code: 2, stdout: '', asked: [] });
  expect(stderr).toMatch(/give levels, or --reset/);
});
