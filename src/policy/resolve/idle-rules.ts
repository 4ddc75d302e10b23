// Finds rules that can change nothing, or that contradict one another, once all rules of a port are known. Only enforced rules: a shadow
// rule may well be meant to cover existing ones.
import type { ParsedDocument } from '../../model/parsed-document.ts';
import type { RuleIr } from '../authorization-ir.ts';
import { covers } from '../decide/rule-coverage.ts';
import { findCoverer } from './find-coverer.ts';

/** A rule with the place in the document at which a warning about it points. */
export interface PlacedRule {
  readonly rule: RuleIr;
  readonly document: ParsedDocument;
  readonly index: number;
}

/** Rules with more than exact paths are compared with every other: services with more rules are checked only in part. */
const maxRules = 1000;

/** A rule (policy and index) with the warning about it. */
export interface IdleRule extends Pick<PlacedRule, 'document' | 'index'> {
  readonly details: { readonly code: string; readonly message: string; readonly hint: string };
}

/** Of one port. */
export function idleRules(deny: readonly PlacedRule[], allow: readonly PlacedRule[]): readonly IdleRule[] {
  const found: IdleRule[] = [];
  const denied = deny.slice(0, maxRules).filter(isWhole);
  const allowed = allow.slice(0, maxRules).filter(isWhole);
  const coveredByDenied = findCoverer(denied.map(ruleOf));
  const coveredByAllowed = findCoverer(allowed.map(ruleOf));
  for (const [index, placed] of denied.entries()) {
    const before = denied[coveredByDenied(placed.rule, index)];
    if (before !== undefined) found.push(shadowed(placed, before));
    else if (covers(placed.rule, everything)) {
      found.push(
        idle(placed, {
          code: 'denies-everyone',
          message: `deny rule ${placed.rule.id} denies everything to every caller`,
          hint: 'name the callers it is meant for: what no rule allows is denied anyway',
        }),
      );
    }
  }
  for (const [index, placed] of allowed.entries()) {
    const contrary = denied[coveredByDenied(placed.rule, denied.length)];
    const before = allowed[coveredByAllowed(placed.rule, index)];
    if (contrary !== undefined) {
      found.push(
        idle(placed, {
          code: 'allow-denied',
          message: `allow rule ${placed.rule.id} allows nothing: deny rule ${contrary.rule.id} denies all of it`,
          hint: `deny comes before allow: remove one of the two; the other is at ${place(contrary.rule)}`,
        }),
      );
    } else if (before !== undefined) found.push(shadowed(placed, before));
  }
  return found;
}

const ruleOf = ({ rule }: PlacedRule): RuleIr => rule;
const everything = { principals: [{ kind: 'everyone' }], operations: [] } as const;

/** A source that could not be resolved is a problem of its own. */
function isWhole({ rule }: PlacedRule): boolean {
  return rule.principals.length > 0;
}

function shadowed(placed: PlacedRule, before: PlacedRule): IdleRule {
  return idle(placed, {
    code: 'rule-shadowed',
    message: `rule ${placed.rule.id} never decides: ${before.rule.id} before it covers all of it`,
    hint: `remove it, or narrow the other one at ${place(before.rule)}`,
  });
}

function idle({ document, index }: PlacedRule, details: IdleRule['details']): IdleRule {
  return { document, index, details };
}

function place({ source: { file, line } }: RuleIr): string {
  return `${file}:${line}`;
}
