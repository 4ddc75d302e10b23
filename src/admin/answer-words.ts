// Maps Envoy's details of an answer (%RESPONSE_CODE_DETAILS%) to why, and what to do, by a table of causes. A closed set: other details are
// shown as they are.
import { clip } from '../lib/clip.ts';

export interface AnswerWords {
  /** Completes "it answered, because …". `TARGET` is the service that was called. */
  readonly why: string;
  readonly advice: string;
}

export interface AnswerCause extends AnswerWords {
  /** The first cause applies whose texts are all in the details. */
  readonly parts: readonly string[];
}

/** `parts`: texts that must all be in Envoy's details. */
export const answerCause = (parts: string | readonly string[], why: string, advice: string): AnswerCause => ({
  parts: typeof parts === 'string' ? [parts] : parts,
  why,
  advice,
});

/** Details that no cause matches are quoted, clipped. */
export function answerWords(causes: readonly AnswerCause[], details: string, target: string): AnswerWords {
  const found = causes.find(({ parts }) => parts.every((part) => details.includes(part)));
  const { why, advice } = found ?? {
    why: details === '' ? 'of something that Envoy does not name' : `Envoy says ${JSON.stringify(clip(details, 200))}`,
    advice: "look at this sidecar's log, and docs/http.md",
  };
  const named = (text: string): string => text.replaceAll('TARGET', () => target);
  return { why: named(why), advice: named(advice) };
}
