// Empty never means all without a second word: restrictions that were written, and are gone from a document, so that it is about more than
// before. Pure.
import { differing } from '../lib/differing.ts';
import type { AuthorizationPolicy } from '../model/documents/authorization-policy.ts';
import type { FieldPath } from '../model/field-path.ts';
import type { ParsedDocument } from '../model/parsed-document.ts';
import type { Source } from '../model/problem.ts';
import type { Judged } from '../store/store.ts';

export interface Emptied {
  /** What it is about now. */
  readonly what: string;
  readonly source: Source;
}

export function emptiedSelectors(before: Judged, after: Judged): readonly Emptied[] {
  const differ = differing(before.documents, after.documents);
  const old = new Map(differ.before.map((parsed) => [parsed.key, parsed]));
  return differ.after.flatMap((parsed) => {
    const was = old.get(parsed.key);
    return was === undefined || was.text === parsed.text ? [] : emptiedIn(was, parsed);
  });
}

function emptiedIn({ document: was }: ParsedDocument, { document, key, locate }: ParsedDocument): readonly Emptied[] {
  const at = (place: FieldPath, what: string): Emptied => ({ what: `${key}: ${what}`, source: locate(place) });
  if (was.kind === 'AuthorizationPolicy' && document.kind === 'AuthorizationPolicy') {
    const port = was.spec.target.port !== undefined && document.spec.target.port === undefined;
    return [
      ...(port
        ? [at(['spec', 'target'], `it named the port ${was.spec.target.port}, and now targets every port`)]
        : []),
      ...wholeRules(was, document).map((index) =>
        at(['spec', 'rules', index], 'the rule named operations, and is now about every one'),
      ),
    ];
  }
  if (was.kind === 'Workload' && document.kind === 'Workload') {
    const named = new Set(was.spec.selectors.filter(({ match }) => !isEmpty(match)).map(({ attestor }) => attestor));
    return document.spec.selectors.flatMap(({ attestor, match }, index) =>
      named.has(attestor) && isEmpty(match)
        ? [at(['spec', 'selectors', index], `whatever ${attestor} proves earns the identity now`)]
        : [],
    );
  }
  return [];
}

/** Rules without operations about callers for whom there were only rules with some. By their index. */
function wholeRules(before: AuthorizationPolicy, after: AuthorizationPolicy): readonly number[] {
  const limited = new Map<string, boolean>();
  for (const { from, to } of before.spec.rules) {
    const callers = JSON.stringify(from);
    limited.set(callers, to !== undefined && limited.get(callers) !== false);
  }
  return after.spec.rules.flatMap(({ from, to }, index) =>
    to === undefined && limited.get(JSON.stringify(from)) === true ? [index] : [],
  );
}

function isEmpty(match: Readonly<Record<string, string>>): boolean {
  return Object.keys(match).length === 0;
}
