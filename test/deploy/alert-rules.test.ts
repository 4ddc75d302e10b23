// The example rules for Prometheus name metrics and labels that there are, and say what to do.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { caKinds, certificateKinds } from '../../src/lib/countdown.ts';
import { createMetrics } from '../../src/observe/metrics.ts';

const rule = z.strictObject({
  alert: z.string().regex(/^Cellwall[A-Za-z]+$/),
  expr: z.string(),
  for: z
    .string()
    .regex(/^\d+m$/)
    .optional(),
  labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
  annotations: z.strictObject({ summary: z.string().min(20) }),
});
const file = z.strictObject({ groups: z.array(z.strictObject({ name: z.string(), rules: z.array(rule).min(1) })) });
const text = readFileSync(join(import.meta.dirname, '../../deploy/prometheus/cellwall.rules.yml'), 'utf8');
const rules = file.parse(parse(text)).groups.flatMap((group) => group.rules);

test('each rule has a name of its own, and names only metrics that are exported', async () => {
  const metrics = createMetrics();
  metrics.watchCa(
    () => ({ countdowns: [] }),
    () => 0,
  );
  metrics.watchPublishers(
    () => [],
    () => 0,
  );
  metrics.watchStore({});
  const exported = new Set([...(await metrics.text()).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  for (const { expr } of rules) {
    for (const [name] of expr.matchAll(/cellwall_[a-z_]+/g)) expect(exported, expr).toContain(name);
    expect(expr).toMatch(/cellwall_|up\{/);
  }
});

test('every kind of certificate has a rule that sees it run out', () => {
  const all = rules.map(({ expr }) => expr).join('\n');
  const named = new Set([...all.matchAll(/kind=~?"([^"]+)"/g)].flatMap(([, kinds = '']) => kinds.split('|')));
  expect([...named].toSorted()).toEqual([...caKinds].toSorted());
  expect(all).toContain('cellwall_certificate_expires_in_seconds < cellwall_certificate_lifetime_seconds / 4');
  expect(certificateKinds.length).toBeGreaterThan(0);
});
