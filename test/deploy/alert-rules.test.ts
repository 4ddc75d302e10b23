// The rules for Prometheus, their tests and the dashboard name metrics and labels that there are, and each alert has a runbook. promtool
// itself judges them in test/system/alert-rules.test.ts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { caKinds, certificateKinds } from '../../src/lib/countdown.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { dropReasons } from '../../src/tracing/span-exporter.ts';
import { projectRoot } from '../support/source-files.ts';

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8');
const rule = z.strictObject({
  alert: z.string().regex(/^Cellwall[A-Za-z]+$/),
  expr: z.string(),
  for: z
    .string()
    .regex(/^\d+m$/)
    .optional(),
  labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
  annotations: z.strictObject({ summary: z.string().min(20), runbook: z.string() }),
});
const file = z.strictObject({ groups: z.array(z.strictObject({ name: z.string(), rules: z.array(rule).min(1) })) });
const rules = file.parse(parse(read('deploy/prometheus/cellwall.rules.yml'))).groups.flatMap((group) => group.rules);
/** Each is in docs/metrics.md, which is made of what is exported. */
const exported = new Set(
  [...read('docs/metrics.md').matchAll(/^\| `([a-z0-9_]+)`(?: †)? \|/gm)].map(([, name]) => name),
);

function named(text: string): readonly string[] {
  return [...text.matchAll(/\b(?:cellwall|nodejs|process)_[a-z0-9_]+/g)].map(([name]) => name.replace(/_bucket$/, ''));
}

test('each rule has a name of its own, and names only metrics that are exported', () => {
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  for (const { expr } of rules) {
    for (const name of named(expr)) expect([...exported], expr).toContain(name);
    expect(expr).toMatch(/cellwall_|nodejs_|up\{/);
  }
});

test('what a rule counts the increase of is exported from the start: what appears with its first event has none', async () => {
  const metrics = createMetrics({ process: false });
  metrics.watchTraces(() => {
    const dropped = Object.fromEntries(dropReasons.map((reason) => [reason, 0]));
    return { waiting: 0, exported: 0, dropped, failures: 0 };
  });
  metrics.watchAuditLosses(() => 0);
  const text = await metrics.text();
  const counted = rules.flatMap(({ expr }) =>
    [...expr.matchAll(/increase\((\w+)(?:\{([^}]*)\})?\[/g)].map(([, name = '', labels = '']) => ({ name, labels })),
  );
  expect(counted.length).toBeGreaterThan(5);
  for (const { name, labels } of counted) {
    const series = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    expect(
      series.filter((line) => labels.split(',').every((one) => line.includes(one))),
      name,
    ).not.toEqual([]);
  }
});

test('each rule has a section of the runbook, and each section a rule', () => {
  const sections = [...read('docs/runbook.md').matchAll(/^## (.+)$/gm)].map(([, title = '']) => title);
  expect(sections.toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
  for (const { alert, annotations } of rules) {
    expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
  }
});

test('each rule has a test in which it fires, and one in which it does not', () => {
  const tests = z.object({
    tests: z.array(
      z.object({
        alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })),
      }),
    ),
  });
  const all = tests.parse(parse(read('deploy/prometheus/cellwall.rules.test.yml'))).tests;
  const cases = all.flatMap((one) => one.alert_rule_test);
  const of = (fires: boolean) =>
    cases.filter((one) => one.exp_alerts.length > 0 === fires).map(({ alertname }) => alertname);
  const alerts = rules.map(({ alert }) => alert).toSorted();
  expect(of(true).toSorted()).toEqual(alerts);
  expect(of(false).toSorted()).toEqual(alerts);
});

test('every kind of certificate has a rule that sees it run out', () => {
  const all = rules.map(({ expr }) => expr).join('\n');
  const kinds = new Set([...all.matchAll(/kind=~?"([^"]+)"/g)].flatMap(([, kinds = '']) => kinds.split('|')));
  expect([...kinds].toSorted()).toEqual([...caKinds].toSorted());
  expect(all).toContain('cellwall_certificate_expires_in_seconds < cellwall_certificate_lifetime_seconds / 4');
  expect(certificateKinds.length).toBeGreaterThan(0);
});

test('the dashboard shows only what is exported, and says of each panel what it is', () => {
  const panel = z.object({
    title: z.string().min(3),
    description: z.string().optional(),
    type: z.enum(['row', 'stat', 'timeseries']),
    targets: z.array(z.object({ expr: z.string() })).optional(),
    gridPos: z.object({ x: z.int(), y: z.int(), w: z.int(), h: z.int() }),
  });
  const { panels } = z.object({ panels: z.array(panel) }).parse(JSON.parse(read('deploy/grafana/cellwall.json')));
  const shown = panels.filter(({ type }) => type !== 'row');
  expect(shown.length).toBeGreaterThan(15);
  for (const { description, targets = [], gridPos } of shown) {
    expect(description).toMatch(/\.$/);
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    for (const name of targets.flatMap(({ expr }) => named(expr))) expect([...exported]).toContain(name);
  }
});
