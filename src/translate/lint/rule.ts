// A rule of the linter: checks one message (and its context), and says what is wrong with it.
import type { Message } from '@bufbuild/protobuf';

/** `[code, message]` for each finding. */
export type Wrong = readonly [code: string, message: string];

export type Rule = (message: Message, ancestors: readonly Message[]) => readonly Wrong[];
