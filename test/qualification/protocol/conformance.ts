// The conformance suite on the project's server, and on the control, whose faults are known.
import { cellwallTarget } from '../../conformance/cellwall-target.ts';
import { buildControl } from '../../conformance/control-target.ts';
import { knownFinding } from '../../conformance/known-findings.ts';
import { judge, nameOf } from '../../conformance/suite.ts';
import { variants } from '../../conformance/variant.ts';
import type { Item } from '../item.ts';

export const conformance: Item = {
  name: 'conformance',
  line:
    'the conformance suite passes in all four variants; with go-control-plane it finds the known faults and no ' +
    'others',
  bound: '0 failures of ours; the control: every known finding, each explained by its clause, and no others',
  async run({ progress, defer }) {
    const figures: Record<string, number> = { cases: 0, failures: 0 };
    let ok = true;
    const count = (figure: string, by: number): void => {
      figures[figure] = (figures[figure] ?? 0) + by;
    };
    for (const variant of variants) {
      const findings = await judge(cellwallTarget, variant);
      const failures = findings.filter(({ failure }) => failure !== undefined);
      count('cases', findings.length);
      count('failures', failures.length);
      for (const { case: one, failure } of failures) progress(`${variant.name}: ${nameOf(one)}: ${failure}`);
      if (failures.length > 0) ok = false;
    }
    const control = buildControl();
    if (control === undefined) throw new Error('the control needs Go on the PATH');
    defer(() => control.close());
    for (const variant of variants) {
      for (const finding of await judge(control.target, variant)) {
        const why = knownFinding(finding);
        const failed = finding.failure !== undefined;
        count('controlCases', 1);
        count('controlKnownFindings', failed && why !== undefined ? 1 : 0);
        count('controlUnexplained', failed && why === undefined ? 1 : 0);
        count('controlKnownButGone', !failed && why !== undefined ? 1 : 0);
        if (failed === (why !== undefined)) continue;
        ok = false;
        progress(`${variant.name}: ${finding.case.id} ${failed ? `is unexplained: ${finding.failure}` : 'is gone'}`);
      }
    }
    return { ok, figures };
  },
};
