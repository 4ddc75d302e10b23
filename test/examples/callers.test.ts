// The TypeScript example of who calls; those in Go and Ruby, which a machine may lack, are in test/system.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCallerExample } from '../support/caller-example.ts';
import { projectRoot } from '../support/source-files.ts';
import { idOf } from '../translate/mesh-text.ts';

test('TypeScript', { timeout: 30_000 }, async () => {
  const folder = join(projectRoot, 'examples/callers/typescript');
  const { service, anonymous } = await runCallerExample([process.execPath, 'server.ts'], folder);
  expect(service.status).toBe(200);
  expect(JSON.parse(service.body)).toEqual({ id: idOf('web', 'cell-2'), cell: 'cell-2', service: 'web' });
  expect(anonymous.status).toBe(401);
});
