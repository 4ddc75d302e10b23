// What doctor says: each cause with what to do, and what it was seen by.
import type { DiagnosisFinding } from '../../../src/admin/wire-doctor.ts';
import { hrefOf } from '../route.ts';
import { Badge, type Tone } from '../ui/badge.tsx';

const tones: Readonly<Record<DiagnosisFinding['weight'], Tone>> = { breaks: 'bad', seen: 'warn', note: 'quiet' };
const means: Readonly<Record<DiagnosisFinding['weight'], string>> = {
  breaks: 'calls cannot succeed because of it',
  seen: 'calls failed so within the last minutes',
  note: 'worth knowing',
};

/** Not empty, the likeliest first. */
export function Findings({ findings }: { readonly findings: readonly DiagnosisFinding[] }) {
  return (
    <ul class="findings">
      {findings.map((finding) => (
        <li key={`${finding.cause} ${finding.node ?? ''} ${finding.what}`} class="finding">
          <Finding finding={finding} />
        </li>
      ))}
    </ul>
  );
}

export function Finding({ finding }: { readonly finding: DiagnosisFinding }) {
  const { cause, weight, what, toDo, node, evidence } = finding;
  return (
    <>
      <p>
        <span title={means[weight]}>
          <Badge tone={tones[weight]}>{cause}</Badge>
        </span>{' '}
        {what}
      </p>
      <p>
        <b>What to do:</b> {toDo}
      </p>
      {evidence.length === 0 && node === undefined ? null : (
        <details>
          <summary>What it was seen by</summary>
          <ul>
            {evidence.map((one) => (
              <li key={one}>{one}</li>
            ))}
            {node === undefined ? null : (
              <li>
                the proxy <a href={hrefOf('proxies', node)}>{node}</a>
              </li>
            )}
          </ul>
        </details>
      )}
    </>
  );
}
