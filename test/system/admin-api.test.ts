// Schemathesis, which knows nothing of us, asks the admin API everything that its own description allows, and what it does not.
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../qualification/support/command.ts';
import { adminToken, startAdmin } from '../support/admin-harness.ts';
import { meshText, serviceText, yaml } from '../support/resolve-text.ts';

it('no request makes the admin API fail', { timeout: 300_000 }, async () => {
  const admin = await startAdmin();
  const documents = yaml(meshText(), serviceText('web'), serviceText('api'));
  expect((await admin.call('/v1/apply', { body: { text: documents } })).status).toBe(200);
  const work = mkdtempSync(join(tmpdir(), 'cellwall-schemathesis-'));
  // Where install.sh put it.
  const installed = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'cellwall/schemathesis');
  try {
    const { code, stdout, stderr } = await run(
      'python3',
      [
        ...['-m', 'schemathesis.cli', 'run', `http://127.0.0.1:${admin.address.port}/openapi.json`],
        ...[
          '-H',
          `Authorization: Bearer ${adminToken}`,
          '--checks',
          'not_a_server_error,content_type_conformance,response_schema_conformance',
        ],
        ...['--phases', 'coverage,fuzzing', '--max-examples', '10', '--seed', '7', '--no-color'],
      ],
      { cwd: work, env: { ...process.env, PYTHONPATH: installed }, timeoutMs: 280_000 },
    );
    expect(code, `${stdout}\n${stderr}`).toBe(0);
    // It found routes, and asked.
    const [, asked = '0'] = /(\d+) generated/.exec(stdout) ?? [];
    expect(Number(asked), stdout).toBeGreaterThan(100);
    expect(admin.logged.filter((line) => line.startsWith('admin request failed'))).toEqual([]);
  } finally {
    await admin.close();
    rmSync(work, { recursive: true, force: true });
  }
});
