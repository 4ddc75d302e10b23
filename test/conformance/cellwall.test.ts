// The project's own server passes every case in all four variants; the suite covers every rule.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { createCellwallTarget } from './cellwall-target.ts';
import { type Rule, rules } from './rules.ts';
import { cases, casesOf, type Finding, judge, nameOf } from './suite.ts';
import { variants } from './variant.ts';

const both = (['http2', 'grpc-js'] as const).flatMap((transport) =>
  variants.map((variant) => ({ transport, variant, name: variant.name })),
);

describe.each(both)('$transport, $name', ({ transport, variant }) => {
  let findings: readonly Finding[] = [];
  beforeAll(async () => {
    findings = await judge(createCellwallTarget(transport), variant);
  });

  test.each(casesOf(variant).map((one) => [nameOf(one), one] as const))('%s', (_name, one) => {
    const finding = findings.find((candidate) => candidate.case === one);
    expect(finding).toBeDefined();
    expect(finding?.failure).toBeUndefined();
  });
});

test('every rule has a case, or says where it is shown', () => {
  for (const [number, rule] of Object.entries<Rule>(rules)) {
    const shown = rule.shownBy !== undefined && existsSync(join(import.meta.dirname, '../..', rule.shownBy));
    expect(shown || cases.some((one) => String(one.rule) === number), `rule ${number}`).toBe(true);
  }
  expect(new Set(cases.map(({ id }) => id)).size).toBe(cases.length);
});
