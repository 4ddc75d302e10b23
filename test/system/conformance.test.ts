// The conformance suite is tested itself: on go-control-plane's server it finds what is known of that, and nothing else.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildControl, type Control } from '../conformance/control-target.ts';
import { knownFinding } from '../conformance/known-findings.ts';
import { judge, nameOf } from '../conformance/suite.ts';
import { variants } from '../conformance/variant.ts';

describe('the control, go-control-plane', () => {
  let control: Control | undefined;
  beforeAll(() => {
    control = buildControl();
  }, 300_000);
  afterAll(() => control?.close());

  test.each(variants)('$name', async (variant) => {
    if (control === undefined) throw new Error('the control needs Go: test/system/install.sh installs it');
    const findings = await judge(control.target, variant, { deadlineMs: 3000 });
    const told = (wanted: boolean) =>
      findings
        .filter((finding) => finding.failure !== undefined && (knownFinding(finding) !== undefined) === wanted)
        .map((finding) => `${nameOf(finding.case)}: ${finding.failure}`);
    expect(told(false), 'findings that nobody explained').toEqual([]);
    const gone = findings.filter((finding) => finding.failure === undefined && knownFinding(finding) !== undefined);
    expect(
      gone.map((finding) => nameOf(finding.case)),
      'known findings that are gone',
    ).toEqual([]);
    expect(told(true).length).toBeGreaterThan(5);
  });
});
