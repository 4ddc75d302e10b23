// The text output of `cellwall explain`. Pure.
import type { ExplainQuery, Explanation } from '../../admin/wire.ts';
import { escapeBlock, escapeLine } from '../../lib/escape.ts';
import { formatPlaces } from './format-places.ts';
import { portText } from './port-text.ts';
import { formatFields } from './table.ts';

export function formatExplanation(answer: Explanation, { method, path, grpc }: ExplainQuery): string {
  const [logged] = answer.recorded ?? [];
  const operation =
    answer.protocol === 'tcp'
      ? 'a connection (TCP)'
      : logged !== undefined
        ? `${logged.method ?? ''} ${logged.path}`.trim() || 'not known'
        : (grpc ?? `${method ?? 'GET'} ${path ?? '/'}`);
  const { file, line, column } = answer.source;
  const place = `${file}:${line}:${column}`;
  const chain = answer.chain.map(
    (rule) =>
      `  ${rule.matched ? '*' : ' '} ${rule.action.padEnd(5)}  ${escapeLine(rule.id)}  ` +
      `${escapeLine(`${rule.source.file}:${rule.source.line}`)}  ${escapeLine(rule.why)}\n`,
  );
  return [
    ...undecidable(answer),
    `${answer.decision.toUpperCase()}: ${escapeLine(answer.reason)}\n\n`,
    formatFields([
      ['caller', answer.callerService === undefined ? answer.caller : `${answer.callerService} (${answer.caller})`],
      ['target', `${portText({ service: answer.target, port: answer.port })} (${answer.mtls})`],
      ['operation', operation],
      ...(answer.rule === undefined ? [] : [['rule', answer.rule] as const]),
      ['decided by', `${answer.document}, ${place}`],
      ...(answer.enforced === undefined ? [] : [['enforced', enforcement(answer.enforced)] as const]),
    ]),
    ...(answer.enforced?.rejections ?? []).map(
      ({ node, message, resources }) =>
        `\nrejected by ${escapeLine(node)}: ${escapeLine(message)}\n${resources
          .map(({ name, madeBy }) => `  ${escapeLine(name)}, made by ${escapeLine(formatPlaces(madeBy))}\n`)
          .join('')}`,
    ),
    ...(answer.recorded ?? []).map(
      (entry) =>
        `\nlogged: ${escapeLine(entry.requestId)} at ${new Date(entry.at).toISOString()} by ` +
        `${escapeLine(entry.node)}: ${outcomeOf(entry)}\n`,
    ),
    ...(chain.length === 0 ? [] : ['\nrules considered, in order:\n', ...chain]),
    ...(answer.notes.length === 0 ? [] : ['\n', ...answer.notes.map((note) => `note: ${escapeLine(note)}\n`)]),
    ...(answer.remedy === undefined ? [] : [formatRemedy(answer.remedy)]),
  ].join('');
}

function outcomeOf({ side, policy, status, why }: NonNullable<Explanation['recorded']>[number]): string {
  if (why !== undefined && (side === 'caller' || status !== undefined)) {
    return escapeLine(`answered${status === undefined ? '' : ` ${status}`} itself: ${why}`);
  }
  if (why !== undefined) return escapeLine(`allowed, but failed: ${why}`);
  return policy === undefined ? 'no rule allowed it' : `denied by ${escapeLine(policy)}`;
}

function undecidable({ undecidable: patches = [] }: Explanation): readonly string[] {
  const lines = patches.map(
    ({ document, source }) => `  ${escapeLine(`${document} (${source.file}:${source.line})`)}\n`,
  );
  return lines.length === 0 ? [] : ['UNDECIDABLE: raw patch\n', ...lines, '\nwithout it: '];
}

function enforcement({ revision, accepted, pending, rejected }: NonNullable<Explanation['enforced']>): string {
  const total = accepted.length + pending.length + rejected.length;
  const rest = [...pending.map((node) => `pending: ${node}`), ...rejected.map((node) => `rejected: ${node}`)];
  return [`revision ${revision} by ${accepted.length} of ${total} connected proxies`, ...rest].join(', ');
}

function formatRemedy({ policy, addTo }: NonNullable<Explanation['remedy']>): string {
  const place = addTo === undefined ? '' : ` (or add its rule to ${escapeLine(addTo.document)})`;
  return `\nto allow it, apply${place}:\n\n${escapeBlock(policy).trimEnd()}\n`;
}
