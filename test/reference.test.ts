// docs/documents.md is what scripts/reference.ts makes of the schemas, docs/cli.md what scripts/cli-reference.ts makes of the commands,
// docs/metrics.md what scripts/metrics-reference.ts makes of the metrics, docs/audit-events.md what scripts/audit-reference.ts makes of the
// events of the audit log.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { auditReference } from '../scripts/audit-reference.ts';
import { cliReference } from '../scripts/cli-reference.ts';
import { metricsReference } from '../scripts/metrics-reference.ts';
import { reference } from '../scripts/reference.ts';
import { projectRoot } from './support/source-files.ts';

it('tells every field as it is parsed; if this fails: npm run reference', () => {
  expect(readFileSync(join(projectRoot, 'docs/documents.md'), 'utf8')).toBe(reference());
});

it('tells every command and flag as it is; if this fails: npm run reference', async () => {
  expect(readFileSync(join(projectRoot, 'docs/cli.md'), 'utf8')).toBe(await cliReference());
});

it('tells every metric as it is exported; if this fails: npm run reference', async () => {
  expect(readFileSync(join(projectRoot, 'docs/metrics.md'), 'utf8')).toBe(await metricsReference());
});

it('tells every event of the audit log as it is recorded; if this fails: npm run reference', () => {
  expect(readFileSync(join(projectRoot, 'docs/audit-events.md'), 'utf8')).toBe(auditReference());
});
