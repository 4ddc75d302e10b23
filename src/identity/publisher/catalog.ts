// The publishers there are, by the kind that `--publish KIND:PLACE` names. A new one is one file here and one line.
import type { PublisherFactory } from './publisher.ts';

/** Loaded when chosen, so that nobody pays for one they do not use. */
export const publishers = {
  directory: async () => (await import('./directory.ts')).createDirectoryPublisher,
} as const satisfies Readonly<Record<string, () => Promise<PublisherFactory>>>;
