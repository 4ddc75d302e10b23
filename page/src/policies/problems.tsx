// What is wrong with documents, by line.
import type { ErrorBody } from '../../../src/admin/wire.ts';
import { Badge } from '../ui/badge.tsx';

export type Problem = NonNullable<ErrorBody['problems']>[number];

/** `onPick`: goes to its line. Absent: the place is shown. */
export function Problems({
  problems,
  onPick,
}: {
  readonly problems: readonly Problem[];
  readonly onPick?: (problem: Problem) => void;
}) {
  return (
    <ul class="list">
      {problems.map((problem) => {
        const { severity, code, message, hint, source } = problem;
        return (
          <li key={`${source.file} ${source.line} ${source.column} ${code} ${message}`}>
            <Badge tone={severity === 'error' ? 'bad' : 'warn'}>{severity}</Badge>{' '}
            {onPick === undefined ? (
              <span class="mono">
                {source.file}:{source.line}:{source.column}
              </span>
            ) : (
              <button type="button" class="link" onClick={() => onPick(problem)}>
                line {source.line}
              </button>
            )}{' '}
            <Words text={message} />
            {hint === undefined ? null : (
              <span class="quiet">
                . <Words text={hint} />
              </span>
            )}
          </li>
        );
      })}
    </ul>
  );
}

/** What stands in backticks is code. */
function Words({ text }: { readonly text: string }) {
  return <>{text.split('`').map((part, index) => (index % 2 === 1 ? <code key={part}>{part}</code> : part))}</>;
}
