// The examples of who calls in Go and Ruby, behind a real Envoy.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCallerExample } from '../support/caller-example.ts';
import { projectRoot } from '../support/source-files.ts';
import { idOf } from '../translate/mesh-text.ts';

test.each([
  ['go', ['go', 'run', 'main.go']],
  ['ruby', ['ruby', 'server.rb']],
])('%s', { timeout: 120_000 }, async (language, command) => {
  const { service, anonymous } = await runCallerExample(command, join(projectRoot, 'examples/callers', language));
  expect(service.status).toBe(200);
  expect(JSON.parse(service.body)).toEqual({ id: idOf('web', 'cell-2'), cell: 'cell-2', service: 'web' });
  expect(anonymous.status).toBe(401);
});
