// A rule of the linter: checks one message (and its context), and says what is wrong with it.
import type { Message } from '@bufbuild/protobuf';

/** `[code, message]` for each finding. */
export type Wrong = readonly [code: string, message: string];

/**
 * `ancestors`: outermost first. Inside an Any of a listener, cluster or route configuration a rule asks of the outermost no more than its
 * type and direction, and of others outside of the Any only for the type of the last: equal bytes there are looked into once (linter.ts).
 */
export type Rule = (message: Message, ancestors: readonly Message[]) => readonly Wrong[];
