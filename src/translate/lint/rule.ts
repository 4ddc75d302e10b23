// A rule of the linter: looks at one message (and what it stands in), and says what is wrong with it.
import type { Message } from '@bufbuild/protobuf';

/** `[code, message]` for each thing that is wrong. */
export type Wrong = readonly [code: string, message: string];

export type Rule = (message: Message, ancestors: readonly Message[]) => readonly Wrong[];
