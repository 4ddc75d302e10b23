// What would change, line by line.
import type { Difference } from '../../../src/admin/wire.ts';
import { unifiedDiff } from '../../../src/cli/output/unified-diff.ts';
import { Badge } from '../ui/badge.tsx';

export function Diff({ differences }: { readonly differences: readonly Difference[] }) {
  if (differences.length === 0) return <p class="quiet">Nothing would change.</p>;
  return (
    <>
      {differences.map(({ key, op, before, after }) => (
        <section key={key} aria-label={`Change of ${key}`}>
          <h3>
            <Badge tone={op === 'delete' ? 'bad' : op === 'create' ? 'good' : 'info'}>{op}</Badge> {key}
          </h3>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
          <pre class="diff" tabIndex={0}>
            {linesOf(key, before, after).map(({ at, line }) => (
              <span key={at} class={line.startsWith('+') ? 'added' : line.startsWith('-') ? 'removed' : ''}>
                {line}
                {'\n'}
              </span>
            ))}
          </pre>
        </section>
      ))}
    </>
  );
}

/** Without the two lines that only name it. */
function linesOf(key: string, before: string | undefined, after: string | undefined) {
  const lines = unifiedDiff(key, before, after).trimEnd().split('\n').slice(2);
  return lines.map((line, at) => ({ line, at }));
}
