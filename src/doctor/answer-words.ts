// Maps Envoy's details of an answer (%RESPONSE_CODE_DETAILS%) to why, and what to do, by a table of causes. A closed set: other details are
// shown as they are.
import { clip } from '../lib/clip.ts';
import { defined } from '../lib/defined.ts';

/** What an answer of a sidecar says is wrong; `other`: Envoy said something that no table has. */
export type AnswerKind =
  | 'answer-not-http'
  | 'answer-slow'
  | 'application-breaks-off'
  | 'application-busy'
  | 'application-closes'
  | 'application-missing'
  | 'application-not-http'
  | 'application-refuses'
  | 'application-refuses-streams'
  | 'application-resets'
  | 'application-times-out'
  | 'application-unreachable'
  | 'caller-certificate-refused'
  | 'connection-broke'
  | 'endpoint-certificate-ended'
  | 'endpoint-certificate-not-yet'
  | 'endpoint-fails'
  | 'endpoint-not-trusted'
  | 'endpoint-plaintext'
  | 'endpoint-refuses'
  | 'endpoint-refuses-streams'
  | 'endpoint-times-out'
  | 'endpoint-wrong-identity'
  | 'header-characters'
  | 'headers-too-large'
  | 'host-not-served'
  | 'http-version'
  | 'idle'
  | 'length-and-chunks'
  | 'no-endpoint'
  | 'no-host'
  | 'no-path'
  | 'other'
  | 'overload'
  | 'path-not-valid'
  | 'request-not-http'
  | 'request-slow'
  | 'rules-missing'
  | 'target-unknown'
  | 'too-many-calls'
  | 'too-many-headers'
  | 'transfer-encoding'
  | 'try-timeout'
  | 'upgrade-refused';

export interface AnswerWords {
  readonly kind: AnswerKind;
  /** Completes "it answered, because …". `TARGET` is the service that was called. */
  readonly why: string;
  readonly advice: string;
  /** Whose document the advice may change: that of the service, or that of its caller. */
  readonly edits?: 'service' | 'caller';
}

export interface AnswerCause extends AnswerWords {
  /** The first cause applies whose texts are all in the details. */
  readonly parts: readonly string[];
}

/** `parts`: texts that must all be in Envoy's details. */
export const answerCause = (
  kind: AnswerKind,
  parts: string | readonly string[],
  why: string,
  advice: string,
  edits?: 'service' | 'caller',
): AnswerCause => ({ kind, parts: typeof parts === 'string' ? [parts] : parts, why, advice, ...defined({ edits }) });

/** Details that no cause matches are quoted, clipped. */
export function answerWords(causes: readonly AnswerCause[], details: string, target: string): AnswerWords {
  const found = causes.find(({ parts }) => parts.every((part) => details.includes(part)));
  const { kind, why, advice, edits } = found ?? {
    kind: 'other' as const,
    why: details === '' ? 'of something that Envoy does not name' : `Envoy says ${JSON.stringify(clip(details, 200))}`,
    advice: "look at this sidecar's log, and docs/http.md",
    edits: undefined,
  };
  const named = (text: string): string => text.replaceAll('TARGET', () => target);
  return { kind, why: named(why), advice: named(advice), ...defined({ edits }) };
}
