// Two Workloads that could match one host, or give one SPIFFE ID: an error in the documents, so that no order decides. If one requires
// everything that the other does, and more, it is more specific, and is used.
import type { Workload } from '../../model/documents/workload.ts';
import type { Selector } from '../../model/evidence.ts';
import { valueFor } from '../../model/evidence.ts';
import { overlap, withValues } from '../../model/identity-template.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { Source } from '../../model/problem.ts';
import { type AnyWorkloadIr, makes } from '../identities.ts';
import type { TemplateWorkloadIr } from '../ir.ts';
import type { Problems } from './problems.ts';

/** A resolved Workload; without a document for what a Service has by itself. */
export interface Placed {
  readonly workload: AnyWorkloadIr;
  readonly parsed?: ParsedDocument<Workload>;
}

/** Reports `ambiguous-identity` for templates that can make another Workload's ID, then compares selectors. */
export function checkIdentities(all: readonly Placed[], problems: Problems): void {
  const templates = all.filter(
    (one): one is Placed & { readonly workload: TemplateWorkloadIr } => 'template' in one.workload,
  );
  for (const [index, { workload: template, parsed }] of templates.entries()) {
    if (parsed === undefined) continue;
    const before = templates.slice(0, index).map(({ workload }) => workload);
    const other =
      all.map(({ workload }) => workload).find((one) => 'spiffeId' in one && makes(template, one.spiffeId)) ??
      before.find((one) => sameIds(one, template));
    if (other === undefined) continue;
    problems.error(parsed, ['spec', 'identity', 'template'], {
      code: 'ambiguous-identity',
      message:
        `${template.template.text} can make ` +
        `${'spiffeId' in other ? other.spiffeId : `an ID of ${other.template.text}`}, which is another's`,
      hint: `the other one is at ${at(other.source)}; give one of them a path of its own`,
    });
  }
  checkSelectors(all, problems);
}

function sameIds(a: TemplateWorkloadIr, b: TemplateWorkloadIr): boolean {
  return a.selectors.some((one) =>
    b.selectors.some((other) => overlap(withValues(a.template, one.match), withValues(b.template, other.match))),
  );
}

function checkSelectors(all: readonly Placed[], problems: Problems): void {
  // Each join token is for one identity.
  const selectors = all.flatMap(({ workload, parsed }) =>
    workload.selectors.flatMap((selector, index) =>
      parsed === undefined || selector.attestor === 'join-token' ? [] : [{ workload, parsed, selector, index }],
    ),
  );
  for (const [position, { workload, parsed, selector, index }] of selectors.entries()) {
    const other = selectors
      .slice(0, position)
      .find((one) => one.workload !== workload && undecided(one.selector, selector));
    if (other === undefined) continue;
    problems.error(parsed, ['spec', 'selectors', index], {
      code: 'ambiguous-selectors',
      message: `evidence can match both this selector and one of another Workload, and neither is more specific`,
      hint:
        `the other one is at ${at(other.workload.source)}; let one of them match everything the other does ` +
        `and more, or a different value`,
    });
  }
}

/** Whether evidence can match both, without one being more specific. */
function undecided(a: Selector, b: Selector): boolean {
  if (a.attestor !== b.attestor) return false;
  const [keysA, keysB] = [Object.keys(a.match), Object.keys(b.match)];
  const shared = keysA.filter((key) => valueFor(b.match, key) !== undefined);
  if (shared.some((key) => valueFor(a.match, key) !== valueFor(b.match, key))) return false;
  const within = Math.min(keysA.length, keysB.length);
  return keysA.length === keysB.length || shared.length < within;
}

function at({ file, line }: Source): string {
  return `${file}:${line}`;
}
