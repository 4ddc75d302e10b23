// `npm run conformance [-- cellwall | control | COMMAND…]`: judges a server and says what it found, case by case. Exit 1 if a
// `must` does not hold. A COMMAND is a program as command-target.ts describes it.

import { cellwallTarget } from './cellwall-target.ts';
import { createCommandTarget } from './command-target.ts';
import { buildControl } from './control-target.ts';
import { judge, nameOf } from './suite.ts';
import type { Target } from './target.ts';
import { variants } from './variant.ts';

const [which = 'cellwall', ...args] = process.argv.slice(2);
const control = which === 'control' ? buildControl() : undefined;
if (which === 'control' && control === undefined) {
  process.stderr.write('conformance: the control needs Go on the PATH\n');
  process.exit(2);
}
const target: Target =
  control?.target ??
  (which === 'cellwall' ? cellwallTarget : createCommandTarget({ name: which, command: which, args: () => args }));
let broken = 0;
for (const variant of variants) {
  const findings = await judge(target, variant);
  const failed = findings.filter(({ failure }) => failure !== undefined);
  process.stdout.write(
    `${target.name}, ${variant.name}: ${findings.length - failed.length} of ${findings.length} hold\n`,
  );
  for (const finding of failed) {
    if (finding.case.level === 'must') broken++;
    process.stdout.write(
      `  ${finding.case.id}: ${nameOf(finding.case)}\n    ${finding.failure?.replaceAll('\n', '\n    ')}\n`,
    );
  }
}
control?.close();
process.exit(broken === 0 ? 0 : 1);
